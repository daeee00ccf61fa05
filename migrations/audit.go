package migrations

import (
	"context"
	"database/sql"
	_ "embed" // owner.sql, audit_grant.sql
	"fmt"
)

//go:embed owner.sql
var ownerSQL string

//go:embed audit_grant.sql
var auditGrantSQL string

// auditOwner is the role that the audit trail belongs to.
const auditOwner = "td_audit"

// GrantAudit lets a role, such as the coordinator's own, write and read the audit trail, and nothing else. The DSN is the one
// that laid the line Audit. It is safe to call again.
func GrantAudit(ctx context.Context, adminDSN, role string) error {
	if !identifier.MatchString(role) {
		return fmt.Errorf("migrations: grant audit: role: %q is not a plain identifier", role)
	}
	if err := runAs(ctx, adminDSN, auditOwner, auditGrantSQL, map[string]string{"td.role": role}); err != nil {
		return fmt.Errorf("migrations: grant audit to %s: %w", role, err)
	}
	return nil
}

// makeOwner makes the role that a line's tables belong to, and its schema. A line of the DSN's own role needs nothing.
func makeOwner(ctx context.Context, dsn string, line Line) error {
	if line.owner == "" {
		return nil
	}
	settings := map[string]string{"td.role": line.owner, "td.schema": line.schema}
	return patiently(ctx, func() error { return runAs(ctx, dsn, "", ownerSQL, settings) })
}

// runAs runs a script in one transaction, with settings that it reads.
func runAs(ctx context.Context, dsn, role, script string, settings map[string]string) error {
	db, err := openAs(dsn, "", role)
	if err != nil {
		return err
	}
	defer db.Close()
	return inTx(ctx, db, func(tx *sql.Tx) error {
		for name, value := range settings {
			if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, script)
		return err
	})
}

func inTx(ctx context.Context, db *sql.DB, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error that matters is returned
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
