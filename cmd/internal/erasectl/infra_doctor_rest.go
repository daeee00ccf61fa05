package erasectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

func (d *doctor) apiAlive(ctx context.Context) []finding { return d.probe(ctx, "/livez") }
func (d *doctor) apiReady(ctx context.Context) []finding { return d.probe(ctx, "/readyz") }

// probe asks the API how it is. An answer that says what is wrong is passed on.
func (d *doctor) probe(ctx context.Context, path string) []finding {
	status, body, err := d.api(ctx, path)
	if err != nil {
		return down(err)
	}
	if status == http.StatusOK {
		return one(healthOK, path+" answers", "")
	}
	what := fmt.Sprintf("%s answers %d", path, status)
	var answer struct {
		State  string `json:"state"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.State+answer.Detail != "" {
		what += ": " + strings.TrimSpace(answer.State+" "+answer.Detail)
	}
	return one(healthFail, what, "read the coordinator's log")
}

// participants asks every service of the roster for its version.
func (d *doctor) participants(ctx context.Context) []finding {
	b, err := d.bus()
	if err != nil {
		return without(err, "NATS", natsFlags)
	}
	names := d.roster().names
	answers, failures := make([]string, len(names)), make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { answers[i], failures[i] = b.Ping(ctx, events.ServiceName(name)) })
	}
	group.Wait()
	versions := map[string]int{}
	var silent []finding
	for i, version := range answers {
		if failures[i] == nil {
			versions[app.OneLine(version)]++
			continue
		}
		what := "does not answer"
		if !errors.Is(failures[i], bus.ErrNoResponder) {
			what += ": " + failures[i].Error()
		}
		silent = append(silent, finding{Check: "participant " + string(names[i]), Health: healthFail, What: what,
			WayOut: "start it, or take it off the roster: every job waits for it"})
	}
	what := fmt.Sprintf("%d of %d answer", len(names)-len(silent), len(names))
	for _, version := range slices.Sorted(maps.Keys(versions)) {
		what += fmt.Sprintf(", %d with version %s", versions[version], version)
	}
	what += ", of " + d.roster().String()
	h := healthOK
	if len(silent) > 0 {
		h = healthFail
	}
	return append(one(h, what, ""), silent...)
}

// seed looks at the file that signs commands: whoever can read it can delete any tenant.
func (d *doctor) seed(context.Context) []finding {
	if d.seedFile == "" {
		return one(healthSkipped, "not configured", "set --signing-seed-file or SIGNING_SEED_FILE on the coordinator's machine")
	}
	info, err := os.Stat(d.seedFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return one(healthFail, "the file is not there", "start the coordinator, which makes it, or correct --signing-seed-file")
	case err != nil:
		return one(healthFail, err.Error(), "")
	case !info.Mode().IsRegular():
		return one(healthFail, "not a file", "correct --signing-seed-file")
	case info.Mode().Perm()&0o077 != 0:
		return one(healthFail, fmt.Sprintf("others may use it (mode %04o)", info.Mode().Perm()), "chmod 600 it, and change the key")
	}
	signer, err := app.LoadSigner(d.seedFile)
	if err != nil {
		return one(healthFail, err.Error(), "restore it: participants trust no other key")
	}
	return one(healthOK, "mode 0600 or stricter, public key "+string(signer.PublicKey()), "")
}

// roster is who must take part, as far as doctor knows.
type roster struct {
	names  []events.Participant
	stored bool
}

// String says where it is from.
func (r roster) String() string {
	if r.stored {
		return fmt.Sprintf("the stored roster of %d", len(r.names))
	}
	return "the reference roster (none was read from PostgreSQL)"
}

// rosterOf is the stored roster, or the reference roster where none can be read: what is wrong with PostgreSQL is for checks
// of its own to say.
func rosterOf(ctx context.Context, open func() (*bun.DB, error)) roster {
	if db, err := open(); err == nil {
		if kept, err := storedRoster(ctx, db); err == nil && len(kept) > 0 {
			return roster{names: kept, stored: true}
		}
	}
	return roster{names: namesOf(app.ReferenceRoster())}
}

func storedRoster(ctx context.Context, db *bun.DB) ([]events.Participant, error) {
	kept, err := pgstore.New(db, pgstore.Config{}).Roster(ctx)
	return namesOf(kept), err
}

func namesOf(entries []saga.RosterEntry) (names []events.Participant) {
	for _, entry := range entries {
		names = append(names, entry.Participant)
	}
	return names
}
