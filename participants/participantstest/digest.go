package participantstest

import (
	"context"
	"database/sql"

	"github.com/bakery-ia/tenant-deletion/participants/digest"
)

// Digests say per table how many rows it has and what is in them; equal digests mean equal rows.
type Digests = digest.Digests

// Scope says which rows a digest covers.
type Scope = digest.Scope

// Digest is digest.Of.
func Digest(ctx context.Context, db *sql.DB, s Scope) (Digests, error) { return digest.Of(ctx, db, s) }
