package seed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// sharedIDsMax bounds how many shared rows are pointed at; the platform's own are a few hundred.
const sharedIDsMax = 1000

// loading is one service's load in its transaction.
type loading struct {
	tx     pgx.Tx
	cat    *catalogue
	owners []*owner
	rows   participants.Counts
	shared participants.Counts
}

// load fills one service in one transaction.
func load(ctx context.Context, dsn string, service events.Participant, opts Options) (*loading, error) {
	conn, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	l := &loading{rows: participants.Counts{}, shared: participants.Counts{}, owners: owners(opts.Tenants)}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		l.tx = tx
		if l.cat, err = readCatalogue(ctx, tx, service, opts); err != nil {
			return err
		}
		return l.fill(ctx, volumes[service], opts.Recreate)
	})
	if err != nil {
		return nil, err
	}
	if err := l.analyze(ctx, conn); err != nil {
		return nil, err
	}
	return l, nil
}

func connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("connect: invalid DSN (not shown, it may hold a password)")
	}
	cfg.RuntimeParams["application_name"] = "seed"
	cfg.RuntimeParams["statement_timeout"] = "0" // a COPY takes as long as it takes; the context bounds it
	return pgx.ConnectConfig(ctx, cfg)
}

func owners(tenants []events.TenantID) []*owner {
	list := make([]*owner, len(tenants))
	for i, id := range tenants {
		list[i] = &owner{id: id, seed: hash(string(id)), index: i, among: len(tenants)}
	}
	return list
}

// fill makes anchors, shared rows and tenants' rows. The lock keeps a second generator from taking the same ids.
func (l *loading) fill(ctx context.Context, v volume, recreate bool) error {
	if _, err := l.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('seed.' || current_schema(), 0))`); err != nil {
		return fmt.Errorf("lock schema: %w", err)
	}
	if err := l.openAnchors(ctx, recreate); err != nil {
		return err
	}
	shared := map[string]int{}
	for _, s := range v.shared {
		shared[s.table] = s.rows
	}
	for _, t := range l.cat.order {
		if rows := shared[t.name]; rows > 0 {
			if err := l.fillShared(ctx, t, rows); err != nil {
				return fmt.Errorf("table %s: shared rows: %w", t.name, err)
			}
		}
		if t.rows == 0 {
			continue
		}
		n, err := l.copyRows(ctx, t, l.owners, t.rows)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		l.rows[t.name] = n / int64(len(l.owners))
	}
	return l.closeCycles(ctx)
}

// openAnchors writes the rows that let the fence pass, or opens those that a deletion closed.
func (l *loading) openAnchors(ctx context.Context, recreate bool) error {
	ids := make([]string, len(l.owners))
	for i, o := range l.owners {
		ids[i] = string(o.id)
	}
	tag, err := l.tx.Exec(ctx, `INSERT INTO tenant_anchor AS a (tenant_id) SELECT unnest($1::text[])::uuid
		ON CONFLICT (tenant_id) DO UPDATE SET live = true WHERE NOT a.live AND $2`, ids, recreate)
	if err != nil {
		return fmt.Errorf("open anchors: %w", err)
	}
	if tag.RowsAffected() != int64(len(ids)) {
		return ErrKnown
	}
	return nil
}

// fillShared makes rows of no tenant, when there are none, and remembers them as targets.
func (l *loading) fillShared(ctx context.Context, t *table, rows int) error {
	nobodys := ""
	if t.tenant != nil {
		nobodys = " WHERE " + pgx.Identifier{t.tenant.name}.Sanitize() + " IS NULL"
	}
	query := "SELECT id FROM " + t.sql() + nobodys + " ORDER BY id LIMIT $1"
	for range 2 {
		found, err := l.tx.Query(ctx, query, sharedIDsMax)
		if err != nil {
			return err
		}
		if t.sharedIDs, err = pgx.CollectRows(found, pgx.RowTo[int64]); err != nil || len(t.sharedIDs) > 0 {
			return err
		}
		if l.shared[t.name], err = l.copyRows(ctx, t, []*owner{{among: 1}}, rows); err != nil {
			return err
		}
	}
	return errors.New("no rows after loading")
}

// copyRows loads each owner's rows and returns how many PostgreSQL took.
func (l *loading) copyRows(ctx context.Context, t *table, owners []*owner, each int) (int64, error) {
	total := int64(each * len(owners))
	if err := l.takeIDs(ctx, t, total); err != nil {
		return 0, fmt.Errorf("take ids: %w", err)
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = pgx.Identifier{c.name}.Sanitize()
	}
	statement := fmt.Sprintf("COPY %s (%s) FROM STDIN", t.sql(), strings.Join(names, ", "))
	tag, err := l.tx.Conn().PgConn().CopyFrom(ctx, &stream{table: t, owners: owners, each: each}, statement)
	if err == nil && tag.RowsAffected() != total {
		err = fmt.Errorf("sent %d rows, %d arrived", total, tag.RowsAffected())
	}
	return tag.RowsAffected(), err
}

// takeIDs moves the sequence past the ids of the rows to come, so that other writers are given higher ones meanwhile.
func (l *loading) takeIDs(ctx context.Context, t *table, n int64) error {
	id := t.identity()
	if id == nil {
		return nil
	}
	name := pgx.Identifier{id.name}.Sanitize()
	return l.tx.QueryRow(ctx, fmt.Sprintf(`
		SELECT setval(s, greatest((SELECT max(%s) FROM %s), pg_sequence_last_value(s), 0) + $3) - $3
		FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS s) AS sequence`, name, t.sql()),
		t.sql(), id.name, n).Scan(&t.base)
}

// closeCycles sets the links that had to wait: each row points at the newest of its own children.
func (l *loading) closeCycles(ctx context.Context) error {
	for _, t := range l.cat.order {
		for _, late := range t.links {
			if !late.deferred {
				continue
			}
			back := late.parent.linkTo(t)
			if back == nil || len(late.columns) != 1 || len(back.columns) != 1 {
				return fmt.Errorf("table %s: column %s: only a cycle of two tables is known", t.name, late.columns[0].name)
			}
			if err := l.pointBack(ctx, late, back); err != nil {
				return fmt.Errorf("table %s: close cycle: %w", t.name, err)
			}
		}
	}
	return nil
}

func (t *table) linkTo(parent *table) *link {
	for _, l := range t.links {
		if l.parent == parent {
			return l
		}
	}
	return nil
}

func (l *loading) pointBack(ctx context.Context, late, back *link) error {
	set, id := pgx.Identifier{late.columns[0].name}.Sanitize(), pgx.Identifier{late.targets[0].name}.Sanitize()
	owner, key := pgx.Identifier{back.columns[0].name}.Sanitize(), pgx.Identifier{back.targets[0].name}.Sanitize()
	statement := fmt.Sprintf(`UPDATE %[1]s SET %[2]s = newest.id
		FROM (SELECT %[4]s AS owner, max(%[5]s) AS id FROM %[3]s WHERE %[5]s > $1 GROUP BY %[4]s) AS newest
		WHERE %[1]s.%[6]s = newest.owner`, late.child.sql(), set, late.parent.sql(), owner, id, key)
	_, err := l.tx.Exec(ctx, statement, late.parent.base)
	return err
}

// analyze gives the planner the new numbers where this call changed them noticeably; autovacuum would come minutes later.
// A small tenant added to large tables needs none, and would wait for it longer than for its rows.
func (l *loading) analyze(ctx context.Context, conn *pgx.Conn) error {
	stale, err := l.stale(ctx, conn)
	if err != nil || len(stale) == 0 {
		return err
	}
	if _, err := conn.Exec(ctx, "ANALYZE "+strings.Join(stale, ", ")); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return nil
}

// stale are the tables that grew by a tenth, autovacuum's own measure, or were never looked at (reltuples is -1).
func (l *loading) stale(ctx context.Context, conn *pgx.Conn) (names []string, err error) {
	rows, err := conn.Query(ctx, `SELECT c.relname, c.reltuples::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relname = ANY ($1) ORDER BY c.relname`, append(l.cat.names(), anchorTable))
	if err != nil {
		return nil, fmt.Errorf("look at statistics: %w", err)
	}
	var name string
	var known float64
	_, err = pgx.ForEachRow(rows, []any{&name, &known}, func() error {
		added := len(l.owners)
		if name != anchorTable {
			added *= int(l.rows[name])
		}
		if 10*float64(added) >= known {
			names = append(names, pgx.Identifier{name}.Sanitize())
		}
		return nil
	})
	return names, err
}
