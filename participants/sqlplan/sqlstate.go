package sqlplan

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// SQLSTATEs that the engine acts on.
const (
	codeForeignKey     = "23503"
	codeDivisionByZero = "22012"
	codeCancelled      = "57014" // statement timeout, when nobody cancelled
)

// class says what a database error means for the erasure.
type class int

const (
	transient class = iota // the whole transaction again, later
	alarming               // the same, but a person should look: it will not pass by itself
	permanent              // repeating does not help
)

// classes is the whole table; a code that is not in it is looked up by its first two characters, and is transient when
// that is missing too: deliveries are counted, so that an unknown error is given up after a while.
var classes = map[string]class{
	"08": transient, "40": transient, "53": transient, "57": transient, // connection, rollback, resources, operator
	"55P03": transient, "55006": transient, "25P03": transient, "25P04": transient, "25006": transient, // locks, timeouts, failover
	"53100": alarming, "53200": alarming, "58": alarming, "XX": alarming, // disk full, out of memory, input and output, corruption
	"22": permanent, "23": permanent, "28": permanent, "3D": permanent, "3F": permanent, "42": permanent, "P0": permanent,
	"TD": permanent, "0A": permanent, "25P02": permanent, "55000": permanent,
}

func classOf(code string) class {
	if c, ok := classes[code]; ok {
		return c
	}
	if len(code) == 5 {
		return classes[code[:2]]
	}
	return transient
}

// sqlError says what PostgreSQL refused without its message and detail: those may hold values.
type sqlError struct{ pg *pgconn.PgError }

func (e *sqlError) Error() string {
	text := "sqlstate " + e.pg.Code
	if e.pg.TableName != "" {
		text += " on table " + e.pg.TableName
	}
	if e.pg.ConstraintName != "" {
		text += ", constraint " + e.pg.ConstraintName
	}
	if classOf(e.pg.Code) == alarming {
		text += ": the database server needs attention"
	}
	return text
}

// Unwrap returns PostgreSQL's own error. Its text is not for logs.
func (e *sqlError) Unwrap() error { return e.pg }

// classified turns a database error into a refusal when repeating does not help. Everything else stays transient: lost
// connections come without a code, and whether their COMMIT arrived is found out by the next delivery, from the receipt.
func classified(err error) error {
	var pg *pgconn.PgError
	if err == nil || errors.Is(err, participants.ErrRefused) || !errors.As(err, &pg) {
		return err
	}
	safe := &sqlError{pg: pg}
	switch {
	case pg.Code == "22P02" || pg.Code == "22003":
		return &participants.RefusedError{Code: participants.CodeTenantRefused,
			Detail: "the tenant id does not fit the type of the service's tenant column", Err: safe}
	case classOf(pg.Code) == permanent:
		return &participants.RefusedError{Code: participants.CodeDatabase, Detail: explain(safe), Err: safe}
	}
	return safe
}

// explain adds what usually is behind a code.
func explain(e *sqlError) string {
	switch e.pg.Code {
	case codeForeignKey:
		return fmt.Sprintf("%s: a row that is not the tenant's, or that the plan keeps, refers to one that is to go", e)
	case "42501":
		return fmt.Sprintf("%s: the role lacks a right, or row-level security would hide rows from it", e)
	}
	return e.Error()
}

// codeOf is the SQLSTATE of an error; empty when it has none.
func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// residue names the table that PostgreSQL found a row in when the anchor was to be closed.
func residue(err error) error {
	var pg *pgconn.PgError
	if codeOf(err) != codeForeignKey || !errors.As(err, &pg) {
		return err
	}
	return &participants.RefusedError{Code: participants.CodeResidue, Err: &sqlError{pg: pg},
		Detail: fmt.Sprintf("table %s still holds rows of the tenant (constraint %s)", pg.TableName, pg.ConstraintName)}
}
