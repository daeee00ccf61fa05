package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi/tokens"
)

// Modes of an AuthConfig.
const (
	AuthLoopback = "loopback"
	AuthJWT      = "jwt"
)

// AuthConfig says who may use a process's API, and how they reach it. The zero value lets this machine do everything, and nobody
// else anything.
type AuthConfig struct {
	// Audience is what tokens must be for. Required with AuthJWT.
	Audience string
	// Issuer is whose tokens count. Required with AuthJWT.
	Issuer string
	// JWKSFile and JWKSURL are where the issuer's public keys are. Exactly one is required with AuthJWT.
	JWKSFile, JWKSURL string
	// LifetimeMax is how far in the future a token may end. Zero means 24 h.
	LifetimeMax time.Duration
	// Mode is AuthLoopback or AuthJWT. Empty means AuthLoopback. No other setting chooses it.
	Mode string
	// PlaintextBehindProxy serves tokens' callers of other machines without TLS: a proxy in front has ended it, and nobody else
	// reaches the port.
	PlaintextBehindProxy bool
	// TLSCert and TLSKey are PEM files of the certificate that is served. Both or none.
	TLSCert, TLSKey string
}

// addTo declares the flags.
func (c *AuthConfig) addTo(command *cobra.Command) {
	f := command.Flags()
	f.StringVar(&c.Mode, "auth", "", "who may use the API: loopback (this machine may everything) or jwt, default loopback [$AUTH]")
	f.StringVar(&c.Issuer, "auth-issuer", "", "whose tokens count, as their claim iss says it [$AUTH_ISSUER]")
	f.StringVar(&c.Audience, "auth-audience", "", "what tokens must be for, as in their claim aud [$AUTH_AUDIENCE]")
	f.StringVar(&c.JWKSURL, "auth-jwks-url", "", "where the issuer serves its public keys, https [$AUTH_JWKS_URL]")
	f.StringVar(&c.JWKSFile, "auth-jwks-file", "", "file with the issuer's public keys, instead of the URL [$AUTH_JWKS_FILE]")
	f.DurationVar(&c.LifetimeMax, "auth-lifetime-max", 0, "how far in the future a token may end, default 24h")
	f.StringVar(&c.TLSCert, "tls-cert", "", "PEM file of the certificate that the API is served with [$TLS_CERT]")
	f.StringVar(&c.TLSKey, "tls-key", "", "PEM file of its private key [$TLS_KEY]")
	f.BoolVar(&c.PlaintextBehindProxy, "plaintext-behind-proxy", false,
		"serve other machines without TLS: a proxy in front ends it, and nothing else reaches the port")
}

// env are the settings by the name of their variable.
func (c *AuthConfig) env() map[string]*string {
	return map[string]*string{"AUTH": &c.Mode, "AUTH_ISSUER": &c.Issuer, "AUTH_AUDIENCE": &c.Audience, "AUTH_JWKS_URL": &c.JWKSURL,
		"AUTH_JWKS_FILE": &c.JWKSFile, "TLS_CERT": &c.TLSCert, "TLS_KEY": &c.TLSKey}
}

// validate refuses settings that would not count: whoever sets them believes that they protect something.
func (c AuthConfig) validate() error {
	switch c.Mode {
	case "", AuthLoopback:
		if c.Issuer != "" || c.Audience != "" || c.JWKSURL != "" || c.JWKSFile != "" || c.LifetimeMax != 0 {
			return Usage("--auth: the settings --auth-... count with --auth jwt alone; set it, or take them away")
		}
		if c.PlaintextBehindProxy {
			return Usage("--plaintext-behind-proxy: counts with --auth jwt alone: without tokens everybody behind the proxy could delete")
		}
	case AuthJWT:
	default:
		return Usage("--auth: must be loopback or jwt")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return Usage("--tls-cert, --tls-key: one is missing: a certificate is served with its private key")
	}
	if c.PlaintextBehindProxy && c.TLSCert != "" {
		return Usage("--plaintext-behind-proxy: not with --tls-cert: it would be served without")
	}
	return nil
}

// tls is how the API is served; nil means unencrypted. A key that others may read is refused.
func (c AuthConfig) tls() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	info, err := os.Stat(c.TLSKey)
	if err != nil {
		return nil, Usage("--tls-key: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, Usage("--tls-key: everybody may use it: chmod o= it")
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, Usage("--tls-cert, --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// gate is who lets callers in.
type gate struct {
	authoriser httpapi.Authoriser
	ready      func(context.Context) error // nil when nothing is needed
	close      func()
}

// open makes the gate. Owners may be nil: then nobody owns anything.
func (c AuthConfig) open(owners tokens.Owners, log zerolog.Logger) (gate, error) {
	if c.Mode != AuthJWT {
		return gate{authoriser: httpapi.LoopbackAuthoriser{}, close: func() {}}, nil
	}
	a, err := tokens.New(tokens.Config{Audience: c.Audience, Issuer: c.Issuer, JWKSFile: c.JWKSFile, JWKSURL: c.JWKSURL,
		LifetimeMax: c.LifetimeMax, Logger: log, Owners: owners})
	if err != nil {
		return gate{}, Usage("--auth-issuer, --auth-audience, --auth-jwks-url or --auth-jwks-file: %w", oneLine{err})
	}
	return gate{authoriser: a, ready: a.Ready, close: a.Close}, nil
}

// readyWith adds the gate to what a process needs.
func (g gate) readyWith(others func(context.Context) map[string]error) func(context.Context) map[string]error {
	if g.ready == nil {
		return others
	}
	return func(ctx context.Context) map[string]error {
		needed := map[string]error{"token issuer": g.ready(ctx)}
		if others == nil {
			return needed
		}
		for name, err := range others(ctx) {
			needed[name] = err
		}
		return needed
	}
}

// describe says in a log line who may use the API.
func (c AuthConfig) describe() string {
	if c.Mode != AuthJWT {
		return "this machine, without tokens"
	}
	return fmt.Sprintf("tokens of %s", c.Issuer)
}
