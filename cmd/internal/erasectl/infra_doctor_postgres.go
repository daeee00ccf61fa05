package erasectl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// database looks for the server itself, and its version.
func (d *doctor) database(ctx context.Context) []finding {
	db, err := d.db()
	if errors.Is(err, errNotGiven) {
		return one(healthSkipped, "not configured", "set "+databaseFlags)
	}
	if err != nil {
		return down(err)
	}
	var version int
	var name string
	err = db.NewRaw("SELECT current_setting('server_version_num')::int, current_setting('server_version')").
		Scan(ctx, &version, &name)
	switch {
	case err != nil:
		return one(healthFail, err.Error(), "")
	case version < postgresMin:
		return one(healthFail, "version "+name+" is too old", fmt.Sprintf("use PostgreSQL %d or newer", postgresMin/10000))
	}
	return one(healthOK, "version "+name, "")
}

// clock compares the database's clock with this machine's, at the middle of a round trip.
func (d *doctor) clock(ctx context.Context) []finding {
	db, err := d.db()
	if err != nil {
		return without(err, "PostgreSQL", databaseFlags)
	}
	began := d.now()
	var there time.Time
	if err := db.NewRaw("SELECT clock_timestamp()").Scan(ctx, &there); err != nil {
		return one(healthFail, err.Error(), "")
	}
	ended := d.now()
	apart := there.Sub(began.Add(ended.Sub(began) / 2)).Abs().Round(time.Millisecond)
	if apart > clockMax {
		return one(healthWarn, fmt.Sprintf("PostgreSQL's and this machine's clocks are %s apart", apart),
			"let both follow the same time server: graces and deadlines are decided by the coordinator's clock")
	}
	return one(healthOK, fmt.Sprintf("%s apart from PostgreSQL's", apart), "")
}

// versions looks for files that are not laid, in every line that the database has and in the coordinator's.
func (d *doctor) versions(ctx context.Context) []finding {
	if _, err := d.db(); err != nil {
		return without(err, "PostgreSQL", databaseFlags)
	}
	lines, err := laidAndNeeded(ctx, d.databaseURL)
	if err != nil {
		return one(healthFail, err.Error(), "")
	}
	var wrong []finding
	for _, line := range lines {
		versions, err := migrations.Versions(ctx, d.databaseURL, line)
		if err != nil {
			return one(healthFail, err.Error(), "")
		}
		pending, unknown := outstanding(versions)
		name := lineName(line)
		if pending > 0 {
			wrong = append(wrong, finding{Health: healthFail, What: fmt.Sprintf("%s of %s not laid", plural(pending, "file"), name),
				WayOut: "erasectl migrate up --line " + name})
		}
		if unknown > 0 {
			wrong = append(wrong, finding{Health: healthWarn,
				What:   fmt.Sprintf("%s of %s that this program does not know", plural(unknown, "version"), name),
				WayOut: "update this program: a newer one has laid them"})
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return one(healthOK, plural(len(lines), "line")+" up to date", "")
}

// outbox looks for events that no relay has taken.
func (d *doctor) outbox(ctx context.Context) []finding {
	db, err := d.db()
	if err != nil {
		return without(err, "PostgreSQL", databaseFlags)
	}
	late, oldest, err := lateEvents(ctx, db)
	switch {
	case err != nil:
		return one(healthFail, err.Error(), noTables)
	case late > 0:
		return one(healthFail, fmt.Sprintf("%s not sent for more than %s, the oldest %s old", plural(late, "event"), waitingMax,
			oldest.Round(time.Second)), "start a coordinator, or read in its log why NATS refuses them")
	}
	return one(healthOK, "nothing waits longer than "+waitingMax.String(), "")
}

const noTables = "erasectl migrate up lays the coordinator's tables"

func lateEvents(ctx context.Context, db *bun.DB) (late int, oldest time.Duration, err error) {
	var seconds float64
	err = db.NewRaw(`SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - created_at)), 0)::float8 FROM outbox
		WHERE sent_at IS NULL AND created_at < clock_timestamp() - ? * interval '1 second'`, waitingMax.Seconds()).
		Scan(ctx, &late, &seconds)
	return late, time.Duration(seconds * float64(time.Second)), err
}

func (d *doctor) overdue(ctx context.Context) []finding {
	return d.withStore(func(store *pgstore.Store) []finding {
		jobs, err := store.Jobs(ctx, saga.Filter{OverdueAt: d.now(), Limit: listedMax})
		return count(len(jobs), err, "job", "past the deadline", "erasectl list --overdue names them; each says what it waits for")
	})
}

func (d *doctor) letters(ctx context.Context) []finding {
	return d.withStore(func(store *pgstore.Store) []finding {
		letters, err := store.Buried(ctx, saga.DeadFilter{Limit: listedMax})
		return count(len(letters), err, "dead letter", "open", "erasectl deadletters list, then resend or discard each")
	})
}

// count is the finding of a list that should be empty, of which at most listedMax entries were read.
func count(n int, err error, what, how, wayOut string) []finding {
	switch {
	case err != nil:
		return one(healthFail, err.Error(), noTables)
	case n == 0:
		return one(healthOK, "none", "")
	case n >= listedMax:
		return one(healthWarn, fmt.Sprintf("%d %ss or more %s", n, what, how), wayOut)
	}
	return one(healthWarn, plural(n, what)+" "+how, wayOut)
}
