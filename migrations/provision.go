package migrations

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed" // provision.sql
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed provision.sql
var provisionSQL string

// Owner is a role and the one schema it owns.
type Owner struct {
	// Role logs in; it is created when missing.
	Role string
	// Password is set on every call, so that rotating it is calling Provision again. Printable ASCII.
	Password string
	// Schema belongs to the role and is its search_path. Empty means the role's name.
	Schema string
}

// Provision makes a login role and a schema per owner, in the database of adminDSN. The role owns the schema and every
// table, view and function in it, has it as search_path, and has no right on any other schema. It is safe to call again
// and at the same time.
func Provision(ctx context.Context, adminDSN string, owners ...Owner) error {
	for _, o := range owners {
		if err := o.validate(); err != nil {
			return err
		}
	}
	db, err := open(adminDSN, "")
	if err != nil {
		return fmt.Errorf("migrations: provision: %w", err)
	}
	defer db.Close()
	for _, o := range owners {
		if err := provisionPatiently(ctx, db, o); err != nil {
			return fmt.Errorf("migrations: provision role %s: %w", o.Role, err)
		}
	}
	return nil
}

// Limits of a Provision.
const (
	provisionTriesMax  = 20 // of one owner; each collision means that somebody else got further
	provisionRetryWait = 50 * time.Millisecond
)

// provisionPatiently tries again when another provisioner changed the same role at the same time. Roles belong to the
// whole server and advisory locks to one database, so a lock cannot keep them apart.
func provisionPatiently(ctx context.Context, db *sql.DB, o Owner) error {
	return patiently(ctx, func() error { return provisionOnce(ctx, db, o) })
}

func patiently(ctx context.Context, fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if err == nil || !collided(err) || try == provisionTriesMax {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(provisionRetryWait):
		}
	}
}

func provisionOnce(ctx context.Context, db *sql.DB, o Owner) error {
	verifier, err := scramVerifier(o.Password)
	if err != nil {
		return err
	}
	return inTx(ctx, db, func(tx *sql.Tx) error {
		for _, setting := range [][2]string{{"td.role", o.Role}, {"td.verifier", verifier}, {"td.schema", cmp.Or(o.Schema, o.Role)}} {
			if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", setting[0], setting[1]); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, provisionSQL)
		return err
	})
}

// collided reports duplicate_object, unique_violation, and internal_error ("tuple concurrently updated").
func collided(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return pg.Code == "42710" || pg.Code == "23505" || pg.Code == "XX000"
}

func (o Owner) validate() error {
	schema := cmp.Or(o.Schema, o.Role)
	switch {
	case !identifier.MatchString(o.Role):
		return fmt.Errorf("migrations: owner: Role: %q is not a plain identifier", o.Role)
	case !identifier.MatchString(schema):
		return fmt.Errorf("migrations: owner %s: Schema: %q is not a plain identifier", o.Role, schema)
	case o.Password == "":
		return fmt.Errorf("migrations: owner %s: Password: missing", o.Role)
	}
	return nil
}
