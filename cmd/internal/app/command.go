package app

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// CoordinatorCommand is the command line of cmd/coordinator. Flags win over the environment.
func CoordinatorCommand() *cobra.Command {
	var cfg CoordinatorConfig
	var roster, sources, logLevel string
	var governor int
	c := newCommand("coordinator", "Run the coordinator of tenant deletions")
	f := c.Flags()
	f.StringVar(&cfg.DatabaseURL, "database-url", "", "PostgreSQL of the coordinator [$DATABASE_URL]")
	f.StringVar(&cfg.TenantsDatabaseURL, "tenants-database-url", "",
		"PostgreSQL of the tenant service, to read who owns a tenant and may ask for its deletion; empty: no tenant rules, and "+
			"owners may nothing [$TENANTS_DATABASE_URL]")
	f.StringVar(&cfg.NATSURL, "nats-url", "", "NATS server, default nats://127.0.0.1:4222 [$NATS_URL]")
	cfg.NATS.AddFlags(f)
	f.StringVar(&cfg.HTTPAddr, "http-addr", "",
		"where the API is served, for example 127.0.0.1:8480; empty serves none; see --auth [$HTTP_ADDR]")
	f.StringVar(&cfg.SigningSeedFile, "signing-seed-file", "",
		"file with the seed that signs commands, made when missing [$SIGNING_SEED_FILE]")
	f.StringVar(&roster, "roster", "",
		"participants that must take part, as name:wave,...; empty keeps the stored roster [$TD_ROSTER]")
	addPolicy(f, &cfg.Policy)
	f.IntVar(&governor, "governor", 0,
		"let at most so many deletions begin within an hour, by all replicas together; 0 lifts the limit; default what is stored")
	f.BoolVar(&cfg.Provision, "provision", false, "make streams and consumers first")
	f.BoolVar(&cfg.Migrate, "migrate", false, "lay the coordinator's tables first")
	f.StringVar(&sources, "trusted-sources", "",
		"services that may ask on their own authority, comma separated [$TRUSTED_SOURCES]")
	f.BoolVar(&cfg.Audit, "audit", false, "record who asks for what in the audit trail, and refuse what cannot be recorded")
	f.StringVar(&cfg.AuditAdminURL, "audit-admin-url", "",
		"with --migrate: PostgreSQL as a role that may create roles, to lay the audit trail [$AUDIT_ADMIN_URL]")
	cfg.Auth.addTo(c)
	addLogLevel(c, &logLevel)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		fromEnv(map[string]*string{"DATABASE_URL": &cfg.DatabaseURL, "NATS_URL": &cfg.NATSURL, "TD_ROSTER": &roster,
			"TENANTS_DATABASE_URL": &cfg.TenantsDatabaseURL, "TRUSTED_SOURCES": &sources, "AUDIT_ADMIN_URL": &cfg.AuditAdminURL,
			"HTTP_ADDR": &cfg.HTTPAddr, "SIGNING_SEED_FILE": &cfg.SigningSeedFile, "LOG_LEVEL": &logLevel})
		fromEnv(cfg.Auth.env())
		cfg.NATS.fromEnv()
		if cfg.Logger, err = NewLogger(os.Stderr, cmp.Or(logLevel, "info")); err != nil {
			return Usage("--log-level: %w", err)
		}
		if cfg.Roster, err = parseRoster(roster); err != nil {
			return Usage("--roster: %w", err)
		}
		if cfg.TrustedSources, err = parseSources(sources); err != nil {
			return Usage("--trusted-sources: %w", err)
		}
		if c.Flags().Changed("governor") {
			if governor < 0 {
				return Usage("--governor: must be 0 or more")
			}
			cfg.GovernorMax = &governor
		}
		if cfg.crash, err = newCrasher(os.Getenv(crashVariable)); err != nil {
			return Usage("%w", err)
		}
		if err := cfg.Auth.mayListen("--http-addr", cfg.HTTPAddr); err != nil {
			return err
		}
		limitMemory()
		return RunCoordinator(c.Context(), cfg)
	}
	return c
}

// addPolicy adds what is frozen into jobs that come in over the bus.
func addPolicy(f *pflag.FlagSet, policy *saga.Policy) {
	f.DurationVar(&policy.Grace, "grace", 0, "wait before the first delete, in which cancel is free")
	f.DurationVar(&policy.Patience, "patience", 0, "how long a participant may be silent before it is asked again, default 1m")
	f.BoolVar(&policy.Approval, "approval", false, "a second person must approve each job")
	f.Int64Var(&policy.ApprovalAbove, "approval-above", 0,
		"a second person must approve a deletion of more rows and files, and one whose size nobody has confirmed; 0 asks for none")
	f.BoolVar(&policy.ConfirmPreview, "confirm-preview", false, "a request must confirm a preview by its fingerprint")
	f.DurationVar(&policy.PreviewAge, "preview-age", 0, "how old a preview may be that is confirmed, default 24h")
	f.BoolVar(&policy.WaiverApproval, "waiver-approval", false, "two persons must decide to close a job without a participant")
	f.Int64Var(&policy.DriftRows, "drift-rows", 0,
		"a count that is off by more rows than this, and by more than --drift-percent, has drifted; default 100")
	f.IntVar(&policy.DriftPercent, "drift-percent", 0, "see --drift-rows; default 10")
}

// ParticipantCommand is the command line of cmd/participant. Flags win over the environment.
func ParticipantCommand() *cobra.Command {
	var cfg ParticipantConfig
	var name, plan, keys, logLevel string
	c := newCommand("participant", "Run a plan, or one of the bakery's reference services, as a participant of tenant deletions")
	f := c.Flags()
	f.StringVar(&name, "name", "", "reference service to run, for example orders [$PARTICIPANT]")
	f.StringVar(&plan, "plan", "", "plan of any other schema to run, for example plan.yaml, instead of --name [$PLAN]")
	f.StringVar(&cfg.DatabaseURL, "database-url", "", "PostgreSQL of the service [$DATABASE_URL]")
	f.StringVar(&cfg.NATSURL, "nats-url", "", "NATS server, default nats://127.0.0.1:4222 [$NATS_URL]")
	cfg.NATS.AddFlags(f)
	f.StringVar(&cfg.HTTPAddr, "http-addr", "",
		"where the service's own routes are served, for example 127.0.0.1:8000; empty serves none; see --auth [$HTTP_ADDR]")
	f.StringVar(&keys, "trusted-keys", "", "public keys of the coordinator, comma separated [$TRUSTED_KEYS]")
	f.StringVar(&cfg.FilesRoot, "files-root", "", "folder of the tenants' files [$FILES_ROOT]")
	f.IntVar(&cfg.Workers, "workers", 0, "tenants deleted side by side, default 2")
	f.BoolVar(&cfg.Migrate, "migrate", false, "lay the service's tables first")
	cfg.Auth.addTo(c)
	addLogLevel(c, &logLevel)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		fromEnv(map[string]*string{"DATABASE_URL": &cfg.DatabaseURL, "NATS_URL": &cfg.NATSURL, "PARTICIPANT": &name,
			"PLAN": &plan, "HTTP_ADDR": &cfg.HTTPAddr, "TRUSTED_KEYS": &keys, "FILES_ROOT": &cfg.FilesRoot, "LOG_LEVEL": &logLevel})
		fromEnv(cfg.Auth.env())
		cfg.Name = events.Participant(name)
		cfg.NATS.fromEnv()
		if cfg.Logger, err = NewLogger(os.Stderr, cmp.Or(logLevel, "info")); err != nil {
			return Usage("--log-level: %w", err)
		}
		if plan != "" {
			if cfg.Plan, err = LoadPlan(plan, c.ErrOrStderr()); err != nil {
				return err
			}
		}
		if cfg.TrustedKeys, err = parseKeys(keys); err != nil {
			return Usage("--trusted-keys: %w", err)
		}
		if cfg.crash, err = newCrasher(os.Getenv(crashVariable)); err != nil {
			return Usage("%w", err)
		}
		if err := cfg.Auth.mayListen("--http-addr", cfg.HTTPAddr); err != nil {
			return err
		}
		limitMemory()
		return RunParticipant(c.Context(), cfg)
	}
	return c
}

func newCommand(name, short string) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage("%w (see %s --help)", err, name) })
	return c
}

func addLogLevel(c *cobra.Command, level *string) {
	c.Flags().StringVar(level, "log-level", "", "trace, debug, info, warn, error or disabled, default info [$LOG_LEVEL]")
}

// fromEnv fills what no flag has set. Flags have no defaults from the environment: --help would print secrets.
func fromEnv(settings map[string]*string) {
	for name, value := range settings {
		*value = cmp.Or(*value, os.Getenv(name))
	}
}
