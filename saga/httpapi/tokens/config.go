package tokens

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/rs/zerolog"
)

// Config says whose tokens count. Issuer, Audience, and one of JWKSFile and JWKSURL are required; the zero value of every other
// field works.
type Config struct {
	// Audience is what a token must be for: it must stand in the claim aud.
	Audience string
	// Clock says what time it is. Nil means time.Now.
	Clock func() time.Time
	// Issuer is what the claim iss must be, letter by letter.
	Issuer string
	// JWKSFile holds the issuer's public keys as a JSON Web Key Set. It is read again as a URL is. Not with JWKSURL.
	JWKSFile string
	// JWKSURL is where the issuer serves the set: https, or http on this machine. Not with JWKSFile.
	JWKSURL string
	// KeysAgeMax is how long keys count whose set cannot be read again. Zero means 24 h: an outage of the issuer over a night.
	KeysAgeMax time.Duration
	// Leeway is how far clocks may differ. Zero means 30 s.
	Leeway time.Duration
	// LifetimeMax is how far in the future a token may end. Zero means 24 h: what nobody can revoke must not last.
	LifetimeMax time.Duration
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Owners tells who owns a tenant. Nil means that nobody does: owners are refused everything.
	Owners Owners
	// RefreshInterval is how old the key set may be before it is read again. Zero means 5 min: so long a withdrawn key counts.
	RefreshInterval time.Duration
	// RetryInterval is how long the set is not read again after it was read or could not be, whatever tokens ask for. Zero
	// means 10 s: so long a new key may be unknown.
	RetryInterval time.Duration
}

// Limits that are no settings.
const (
	tokenBytesMax  = 8 << 10         // half of what the server takes of all headers; tokens of large issuers have 2 KiB
	headerBytesMax = 1 << 10         // alg, kid and typ are a tenth of it
	kidBytesMax    = 256             // thumbprints have 43
	tokenIDMax     = 128             // of jti
	setBytesMax    = 256 << 10       // a set with certificates for each of its keys has 10 KiB
	setKeysMax     = 64              // issuers have two to five
	fetchTimeout   = 5 * time.Second // for one reading of the set; a request waits no longer for it
	staleWait      = time.Second     // for a newer set where one is known: a withdrawn key should not count once more
	rsaBitsMin     = 2048            // RFC 7518, section 3.3
	rsaBitsMax     = 8192            // verifying takes longer with the square of it
)

func (c Config) withDefaults() Config {
	c.KeysAgeMax = cmp.Or(c.KeysAgeMax, 24*time.Hour)
	c.Leeway = cmp.Or(c.Leeway, 30*time.Second)
	c.LifetimeMax = cmp.Or(c.LifetimeMax, 24*time.Hour)
	c.RefreshInterval = cmp.Or(c.RefreshInterval, 5*time.Minute)
	c.RetryInterval = cmp.Or(c.RetryInterval, 10*time.Second)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Owners == nil {
		c.Owners = OwnersFunc(nobodyOwns)
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	for _, text := range []struct{ field, value string }{{"Audience", c.Audience}, {"Issuer", c.Issuer}} {
		if text.value == "" {
			errs = append(errs, fmt.Errorf("tokens: %s: missing", text.field))
		}
	}
	for _, limit := range []struct {
		field string
		value time.Duration
	}{
		{"KeysAgeMax", c.KeysAgeMax}, {"Leeway", c.Leeway}, {"LifetimeMax", c.LifetimeMax}, {"RefreshInterval", c.RefreshInterval},
		{"RetryInterval", c.RetryInterval},
	} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("tokens: %s: is negative", limit.field))
		}
	}
	switch {
	case (c.JWKSFile == "") == (c.JWKSURL == ""):
		errs = append(errs, errors.New("tokens: JWKSFile, JWKSURL: exactly one says where the issuer's keys are"))
	case c.JWKSURL != "":
		errs = append(errs, checkURL(c.JWKSURL))
	}
	return errors.Join(errs...)
}

// checkURL refuses places that anybody on the way could answer for. The error never repeats the URL: it may hold a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("tokens: JWKSURL: want a URL like https://issuer.example/keys, without a user")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("tokens: JWKSURL: must be https: whoever answers in its place could make tokens")
	}
	return nil
}
