package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi/tokens"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
)

// Where the audit trail is, and how many write it at once: records wait for one another anyway.
const (
	auditSchema = "audit"
	auditConns  = 2
)

// rulesConns is how many look into the tenant service's tables at once: a batch of requests, and callers of the API.
const rulesConns = 4

// openRules opens the tenant service's tables, where they are asked for: who may ask for a deletion, and who owns a tenant.
func openRules(ctx context.Context, cfg CoordinatorConfig, running *runner.Config, opened *closing) (tokens.Owners, error) {
	switch {
	case cfg.TenantsDatabaseURL != "" && !cfg.Audit:
		return nil, Usage("--tenants-database-url: needs --audit: for what reason an administrator passed over a tenant's own people " +
			"must be recorded")
	case cfg.TenantsDatabaseURL == "" && len(cfg.TrustedSources) > 0:
		return nil, Usage("--trusted-sources: needs --tenants-database-url: without rules every source may ask")
	case cfg.TenantsDatabaseURL == "":
		return nil, nil
	}
	db, err := openDatabaseOf(ctx, "--tenants-database-url", cfg.TenantsDatabaseURL, pgpool.Config{Name: "coordinator-rules",
		ConnsMax: rulesConns, Schema: tenantService})
	if err != nil {
		return nil, err
	}
	opened.add(db.Close)
	tables := tenancy.New(db)
	running.Rules = tenantRules{tenancy: tables, trusted: cfg.TrustedSources}
	return tables, nil
}

// openTrail opens the audit trail, where it is asked for.
func openTrail(ctx context.Context, cfg CoordinatorConfig, running *runner.Config, opened *closing) (saga.Trail, error) {
	if !cfg.Audit {
		return nil, nil
	}
	if cfg.Migrate {
		if err := layAudit(ctx, cfg.DatabaseURL, cfg.AuditAdminURL); err != nil {
			return nil, err
		}
	}
	trail, err := openAudit(ctx, cfg.DatabaseURL, opened)
	if err != nil {
		return nil, err
	}
	running.Auditor = trail
	return trail, nil
}

// layAudit lays the audit trail as an administrator, and lets the coordinator's role append to it.
func layAudit(ctx context.Context, databaseURL, adminURL string) error {
	if adminURL == "" {
		return Usage("--audit-admin-url: missing: with --migrate and --audit a role that may create roles lays the audit trail, " +
			"so that the coordinator's own role cannot change it")
	}
	role, err := roleOf(databaseURL)
	if err != nil {
		return err
	}
	if err := migrations.Apply(ctx, adminURL, migrations.Audit()); err != nil {
		return err
	}
	return migrations.GrantAudit(ctx, adminURL, role)
}

// roleOf is the role that a DSN connects as.
func roleOf(dsn string) (string, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", Usage("--database-url: invalid (not shown, it may hold a password)")
	}
	return cfg.User, nil
}

// openAudit opens the audit trail, and refuses one that its writer could change.
func openAudit(ctx context.Context, databaseURL string, opened *closing) (*pgstore.Audit, error) {
	db, err := openDatabase(ctx, databaseURL, pgpool.Config{Name: "coordinator-audit", ConnsMax: auditConns, Schema: auditSchema})
	if err != nil {
		return nil, err
	}
	opened.add(db.Close)
	trail := pgstore.NewAudit(db)
	switch err := trail.Check(ctx); {
	case errors.Is(err, pgstore.ErrNotProtected):
		return nil, Usage("--audit: %w; give the coordinator a role of its own (docs/audit.md)", err)
	case err != nil:
		return nil, fmt.Errorf("app: audit trail (is it there? --migrate with --audit-admin-url lays it): %w", err)
	}
	return trail, nil
}
