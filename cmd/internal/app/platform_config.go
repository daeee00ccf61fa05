package app

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// PlatformConfig tunes a Platform. The zero value works: everything is temporary.
type PlatformConfig struct {
	// ConnsMax is the size of each service's connection pool. Zero means its workers and two more.
	ConnsMax int
	// DataDir keeps keys, messages, files and the private PostgreSQL from one start to the next. One process at a time may
	// use it. Empty means a temporary one, which Stop removes.
	DataDir string
	// DatabaseURL is a database to use instead of a private server. Its role must be allowed to create roles and schemas.
	DatabaseURL string
	// Downstream names subscribers of tenant.deleted that get a durable consumer.
	Downstream []string
	// HTTPPort is where the API and the platform's routes are served on 127.0.0.1. Zero means a free port.
	HTTPPort int
	// InstallOut is told when PostgreSQL is being installed, which InstallPostgres allows.
	InstallOut      io.Writer
	InstallPostgres bool
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// NATSPort is where the broker listens on 127.0.0.1. Zero means a free port.
	NATSPort int
	// Policy is frozen into jobs.
	Policy saga.Policy
	// PostgresDir holds the private server's data. Empty means DataDir/postgres. As root it must not be under /root.
	PostgresDir string
	// PostgresSettings are settings of the private server (postgresql.conf names).
	PostgresSettings map[string]string
	// TenantRules lets only those ask for a deletion whom the tenant service's tables let.
	TenantRules bool
	// TrustedSources are the services that may ask on their own authority, with TenantRules.
	TrustedSources []events.Participant
	// Workers is how many tenants a service deletes side by side. Zero means the participants' default.
	Workers int
}

// folders of a Platform's data.
type folders struct {
	root      string
	temporary bool
	postgres  string // empty: a temporary one of the server's own
}

func (c PlatformConfig) folders() (folders, error) {
	f := folders{root: c.DataDir, postgres: c.PostgresDir}
	var err error
	if f.root == "" {
		f.temporary = true
		f.root, err = os.MkdirTemp("", "tenant-deletion-")
	} else {
		f.postgres = cmp.Or(f.postgres, filepath.Join(f.root, "postgres"))
		// Not 0700: PostgreSQL may run under an account of its own. What is secret below has its own mode.
		err = os.MkdirAll(f.root, 0o755)
	}
	if err == nil {
		err = os.MkdirAll(f.files(), 0o700)
	}
	if err != nil {
		return f, fmt.Errorf("app: data folder: %w", err)
	}
	return f, nil
}

func (f folders) nats() string  { return filepath.Join(f.root, "nats") }
func (f folders) files() string { return filepath.Join(f.root, "files") }
func (f folders) seed() string  { return filepath.Join(f.root, "signing.seed") }

// remove deletes a temporary folder.
func (f folders) remove() error {
	if !f.temporary {
		return nil
	}
	return os.RemoveAll(f.root)
}
