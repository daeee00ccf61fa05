package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// NATSAccess is what a client shows the broker. The zero NATSAccess shows nothing, which is enough for the embedded one.
type NATSAccess struct {
	// APIPrefix is what the client's account calls the JetStream API. Empty means $JS.API, as in the coordinator's account.
	APIPrefix string
	// CAFile is the authority of the broker's certificate. Empty trusts the machine's authorities where the address is tls://.
	CAFile string
	// CertFile and KeyFile are the client's certificate. Both or none.
	CertFile, KeyFile string
	// SeedFile holds the client's nkey. The file is read at every connection, and refused when others may read it.
	SeedFile string
}

// flagSet is the part of a command's flags that AddFlags needs.
type flagSet interface {
	StringVar(into *string, name, value, usage string)
}

// AddFlags declares the flags of a command.
func (a *NATSAccess) AddFlags(f flagSet) {
	f.StringVar(&a.SeedFile, "nats-seed-file", "", "file with the nkey seed that NATS knows this program by [$NATS_SEED_FILE]")
	f.StringVar(&a.CAFile, "nats-ca", "", "file with the authority of NATS's certificate [$NATS_CA]")
	f.StringVar(&a.CertFile, "nats-cert", "", "file with this program's certificate for NATS [$NATS_CERT]")
	f.StringVar(&a.KeyFile, "nats-key", "", "file with that certificate's key [$NATS_KEY]")
	f.StringVar(&a.APIPrefix, "nats-api-prefix", "",
		"what this program's account calls the JetStream API, TD.API in all but the coordinator's [$NATS_API_PREFIX]")
}

func (a *NATSAccess) fromEnv() {
	fromEnv(map[string]*string{"NATS_SEED_FILE": &a.SeedFile, "NATS_CA": &a.CAFile, "NATS_CERT": &a.CertFile,
		"NATS_KEY": &a.KeyFile, "NATS_API_PREFIX": &a.APIPrefix})
}

// Options are the client's options. An error names the flag and the way out.
func (a NATSAccess) Options() (options []nats.Option, err error) {
	if a.SeedFile != "" {
		if err := private(a.SeedFile); err != nil {
			return nil, Usage("--nats-seed-file: %w", err)
		}
		key, err := nats.NkeyOptionFromSeed(a.SeedFile)
		if err != nil {
			return nil, Usage("--nats-seed-file: no nkey seed of a user in it; erasectl nats keys makes one")
		}
		options = append(options, key)
	}
	if (a.CertFile == "") != (a.KeyFile == "") {
		return nil, Usage("--nats-cert, --nats-key: want both or none")
	}
	if a.CertFile != "" {
		if err := private(a.KeyFile); err != nil {
			return nil, Usage("--nats-key: %w", err)
		}
		if _, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile); err != nil {
			return nil, Usage("--nats-cert, --nats-key: %w", err)
		}
		options = append(options, nats.ClientCert(a.CertFile, a.KeyFile))
	}
	if a.CAFile != "" {
		if _, err := os.Stat(a.CAFile); err != nil {
			return nil, Usage("--nats-ca: %w", err)
		}
		options = append(options, nats.RootCAs(a.CAFile), func(o *nats.Options) error {
			o.TLSConfig.MinVersion = tls.VersionTLS13
			return nil
		})
	}
	return options, nil
}

// Denied is a context that ends when the broker denies what a connection asks, and the option that tells it: a denial has no
// answer, and would else look like a timeout. Its cause matches bus.ErrPermission and names the subject.
func Denied(ctx context.Context) (context.Context, context.CancelFunc, nats.Option) {
	ctx, cancel := context.WithCancelCause(ctx)
	option := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			cancel(fmt.Errorf("%w: %s", bus.ErrPermission, OneLine(err.Error())))
		}
	})
	return ctx, func() { cancel(nil) }, option
}

// CauseOf is why a call with a context of Denied failed: the denial, where there was one.
func CauseOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, bus.ErrPermission) {
		return cause
	}
	return err
}

// NewJetStream is the client of the JetStream API as the account of the access calls it.
func (a NATSAccess) NewJetStream(nc *nats.Conn) (jetstream.JetStream, error) {
	if a.APIPrefix != "" {
		return jetstream.NewWithAPIPrefix(nc, a.APIPrefix)
	}
	return jetstream.New(nc)
}
