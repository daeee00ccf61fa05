package seed

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/events"
)

// anchorTable is the fence that a tenant's first row goes into, and what tells a tenant column.
const anchorTable = "tenant_anchor"

const columnsQuery = `
SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, NULL), NOT a.attnotnull, a.attidentity <> '',
       CASE WHEN a.atttypid = 'numeric'::regtype THEN ((a.atttypmod - 4) >> 16) & 65535 ELSE 0 END,
       CASE WHEN a.atttypid = 'numeric'::regtype THEN (a.atttypmod - 4) & 2047 ELSE 0 END,
       coalesce((SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1), '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname = ANY ($1)
ORDER BY c.relname, a.attnum`

// The clones of a foreign key that partitions have (conparentid) are left out.
const linksQuery = `
SELECT c.relname, p.relname,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.conkey) WITH ORDINALITY k (num, n)
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.num),
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(f.confkey) WITH ORDINALITY k (num, n)
        JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.num)
FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
JOIN pg_class p ON p.oid = f.confrelid
WHERE f.contype = 'f' AND f.conparentid = 0 AND c.relname = ANY ($1)
ORDER BY c.relname, f.conkey[1]`

// catalogue is the service's tables, parents first.
type catalogue struct {
	byName map[string]*table
	order  []*table
}

// readCatalogue reads the definitions of the tables that the volume names.
func readCatalogue(ctx context.Context, tx pgx.Tx, service events.Participant, opts Options) (*catalogue, error) {
	v := volumes[service]
	counts := v.rows(opts.Profile)
	cat := &catalogue{byName: map[string]*table{}}
	for _, s := range slices.Concat(v.tables, v.shared) {
		seed := mix(uint64(opts.Seed)) ^ hash(string(service)+"."+s.table) //nolint:gosec // any 64 bits are a seed
		cat.byName[s.table] = &table{name: s.table, seed: seed, rows: int(counts[s.table])}
	}
	if err := cat.readColumns(ctx, tx); err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	if err := cat.readLinks(ctx, tx); err != nil {
		return nil, fmt.Errorf("read foreign keys: %w", err)
	}
	cat.sort()
	if err := cat.chooseWriters(); err != nil {
		return nil, err
	}
	return cat, nil
}

func (cat *catalogue) names() []string {
	names := make([]string, 0, len(cat.byName))
	for name := range cat.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (cat *catalogue) readColumns(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, columnsQuery, cat.names())
	if err != nil {
		return err
	}
	var name, check string
	c := column{}
	into := []any{&name, &c.name, &c.number, &c.kind, &c.nullable, &c.identity, &c.precision, &c.scale, &check}
	_, err = pgx.ForEachRow(rows, into, func() error {
		added := c
		added.table, added.values = cat.byName[name], allowed(check)
		added.table.columns = append(added.table.columns, &added)
		return nil
	})
	for _, name := range cat.names() {
		if err == nil && len(cat.byName[name].columns) == 0 {
			err = fmt.Errorf("table %s: not in the connection's schema", name)
		}
	}
	return err
}

var quoted = regexp.MustCompile(`'([^']*)'::text`)

// allowed reads the list out of CHECK (x IN (...)), which PostgreSQL shows as = ANY (ARRAY[...]).
func allowed(check string) (values []string) {
	if !strings.Contains(check, "= ANY (ARRAY[") {
		return nil
	}
	for _, match := range quoted.FindAllStringSubmatch(check, -1) {
		values = append(values, match[1])
	}
	return values
}

func (cat *catalogue) readLinks(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, linksQuery, cat.names())
	if err != nil {
		return err
	}
	var child, parent string
	var columns, targets []string
	_, err = pgx.ForEachRow(rows, []any{&child, &parent, &columns, &targets}, func() error {
		return cat.addLink(cat.byName[child], parent, columns, targets)
	})
	return err
}

func (cat *catalogue) addLink(child *table, parent string, columns, targets []string) error {
	if parent == anchorTable {
		child.tenant = child.column(columns[0])
		return nil
	}
	l := &link{child: child, parent: cat.byName[parent], number: uint64(len(child.links))}
	if l.parent == nil {
		return fmt.Errorf("table %s: refers to %s, which has no volume", child.name, parent)
	}
	for i := range columns {
		c, target := child.column(columns[i]), l.parent.column(targets[i])
		c.link, c.position = l, i
		l.columns, l.targets = append(l.columns, c), append(l.targets, target)
		l.nullable = l.nullable || c.nullable
	}
	l.leading = !slices.ContainsFunc(child.links, func(other *link) bool { return other.leading }) && !l.nullable
	child.links = append(child.links, l)
	return nil
}

func (t *table) column(name string) *column {
	i := slices.IndexFunc(t.columns, func(c *column) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return t.columns[i]
}

// sort puts parents first. A nullable link whose parent leads back to the child closes a cycle and is set later.
func (cat *catalogue) sort() {
	for _, name := range cat.names() {
		for _, l := range cat.byName[name].links {
			l.deferred = l.nullable && l.parent != l.child && l.parent.leadsTo(l.child, map[*table]bool{})
		}
	}
	placed := map[*table]bool{}
	var place func(*table)
	place = func(t *table) {
		if placed[t] {
			return
		}
		placed[t] = true
		for _, l := range t.links {
			if !l.deferred {
				place(l.parent)
			}
		}
		cat.order = append(cat.order, t)
	}
	for _, name := range cat.names() {
		place(cat.byName[name])
	}
}

func (t *table) leadsTo(target *table, seen map[*table]bool) bool {
	if t == target {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	return slices.ContainsFunc(t.links, func(l *link) bool { return l.parent.leadsTo(target, seen) })
}
