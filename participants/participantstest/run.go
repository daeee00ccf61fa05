package participantstest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Harness is what the suite needs to know of a service.
type Harness struct {
	// Bus opens a bus of its own, on which the participant's durable consumer exists, and closes it with the test. Nil means
	// an in-memory bus.
	Bus func(t testing.TB, p events.Participant) bus.Bus
	// Open gives the service on a fresh database, and closes it with the test. Required.
	Open func(t testing.TB) Fixture
}

// Fixture is a service on a database that no other test sees.
type Fixture struct {
	Service participants.Service
	// Seed writes rows of the tenant: at least one in every table that the plan deletes. It is called for several tenants, and
	// again for a tenant that was erased; a service with a fence returns the refusal then.
	Seed func(ctx context.Context, tenant events.TenantID) error
	// Digest covers everything but the tenant's own data; see SQL and the function Digest.
	Digest func(ctx context.Context, except events.TenantID) (Digests, error)
}

// SQL is the Digest of a Fixture whose data is the schema of a database.
func SQL(db *sql.DB, s Scope) func(ctx context.Context, except events.TenantID) (Digests, error) {
	return func(ctx context.Context, except events.TenantID) (Digests, error) {
		s.Except = except
		return Digest(ctx, db, s)
	}
}

// answerTimeout bounds the wait for an answer: several redeliveries of a loaded machine, far more than any case needs.
const answerTimeout = time.Minute

// check is one claim of the contract.
type check struct {
	claim string
	run   func(w *world)
}

// Run runs the suite. Every case opens the service anew, so cases run side by side.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			c.run(open(t, h))
		})
	}
}

var checks = []check{
	{"the plan agrees with the catalogue", checkPlan},
	{"a preview counts every table and changes nothing", checkPreview},
	{"an erasure deletes what the preview counted and nothing else", checkErase},
	{"a command delivered three times has one answer", checkRepeats},
	{"a crash between commit and answer changes no number", checkCrash},
	{"an interrupted erasure leaves everything in its place", checkInterrupted},
	{"two replicas with one command have one answer", checkReplicas},
	{"a command that is not verified does nothing", checkUnverified},
	{"a command for others does nothing", checkNotNamed},
	{"an older generation is refused", checkStale},
	{"an erasure outside of any job has one answer per key and stands in no job's way", checkDirect},
	{"residue is erased again and the counts add up", checkAgain},
	{"a tenant it never met has zero of everything", checkAbsent},
}
