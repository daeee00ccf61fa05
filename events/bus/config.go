package bus

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Config says how to reach the broker. The zero Config connects to nats://127.0.0.1:4222 without credentials.
type Config struct {
	// APIPrefix is the prefix of the JetStream API where an account imports it under another name (TD.API). Empty means
	// the server's own, $JS.API.
	APIPrefix string
	// InProcess connects without a socket to an embedded server; it wins over URL.
	InProcess nats.InProcessConnProvider
	// Logger is silent at zero.
	Logger zerolog.Logger
	// Name names the client at the broker and its inboxes (_INBOX_<name>), which permissions are bound to. Default
	// tenant-deletion. One subject token.
	Name string
	// Options are added last: credentials (nats.NkeyOptionFromSeed), TLS (nats.RootCAs, nats.ClientCert). They must not replace
	// the error, disconnect, reconnect and closed handlers.
	Options []nats.Option
	// URL of the broker, several with commas. Default nats://127.0.0.1:4222.
	URL string
}

// Limits and patience of a connection.
const (
	connectTimeout   = 2 * time.Second
	reconnectWait    = 250 * time.Millisecond // a restarted broker is found again in well under a second
	reconnectJitter  = 250 * time.Millisecond
	pingInterval     = 20 * time.Second
	pingsOutstanding = 3
	drainTimeout     = 5 * time.Second
	apiTimeout       = 5 * time.Second
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c Config) withDefaults() Config {
	c.Name = cmp.Or(c.Name, "tenant-deletion")
	c.URL = cmp.Or(c.URL, nats.DefaultURL)
	return c
}

func (c Config) validate() error {
	if !nameForm.MatchString(c.Name) {
		return fmt.Errorf("bus: config: Name must be 1 to 64 of A-Z a-z 0-9 _ -")
	}
	return nil
}

// options are the connection options; each that is not obvious prevents a loss that was measured.
func (c Config) options() []nats.Option {
	options := []nats.Option{
		nats.Name(c.Name),
		nats.CustomInboxPrefix("_INBOX_" + c.Name),
		nats.Timeout(connectTimeout),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), // a consumer must come back after any outage
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, time.Second),
		nats.ReconnectBufSize(-1), // else a publish that has returned an error is stored after the reconnect
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOutstanding),
		nats.DrainTimeout(drainTimeout),
		nats.PermissionErrOnSubscribe(true),
	}
	if c.InProcess != nil {
		options = append(options, nats.InProcessServer(c.InProcess))
	}
	return options
}
