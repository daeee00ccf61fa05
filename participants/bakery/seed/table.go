package seed

import (
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/events"
)

// table is a table of the service as its definition says, and what is to be made in it.
type table struct {
	name    string
	columns []*column // without generated ones
	links   []*link
	tenant  *column // holds the tenant id; nil in tables that are reached through a parent, and in shared ones
	seed    uint64
	rows    int // of each tenant; zero in a shared table

	base      int64   // ids of this call's rows start above it
	sharedIDs []int64 // rows of no tenant
}

func (t *table) sql() string { return pgx.Identifier{t.name}.Sanitize() }

func (t *table) identity() *column {
	for _, c := range t.columns {
		if c.identity {
			return c
		}
	}
	return nil
}

// column is filled by its place in a key, or by its write.
type column struct {
	table            *table
	name, kind       string
	number           uint64 // the column's place, part of what decides its values
	precision, scale int    // of numeric
	nullable         bool
	identity         bool
	values           []string // what a CHECK allows; empty when any value will do
	link             *link
	position         int // within the link
	write            writer
}

// link is a foreign key between two tables of the service.
type link struct {
	number        uint64
	child, parent *table
	columns       []*column
	targets       []*column
	nullable      bool
	// leading is the first one of its table: its rows follow their parents in order. Others choose at random.
	leading bool
	// deferred closes a cycle: it is left empty at first and set by an update.
	deferred bool
}

// owner is a tenant of this call, or nobody (an empty id) for shared rows.
type owner struct {
	id           events.TenantID
	seed         uint64
	index, among int // its place between the tenants of the call
}

// row is one row's place: the ith of n that the owner gets.
type row struct {
	owner *owner
	i, n  int
}

// id interleaves the tenants of a call, as the rows are.
func (t *table) id(r row) int64 { return t.base + int64(r.i*r.owner.among+r.owner.index) + 1 }

// cell appends one value in COPY's text form.
func (c *column) cell(b []byte, r row) []byte {
	switch {
	case c == c.table.tenant && r.owner.id == "":
		return append(b, null...)
	case c == c.table.tenant:
		return append(b, r.owner.id...)
	case c.identity:
		return strconv.AppendInt(b, c.table.id(r), 10)
	case c.link != nil:
		return c.link.cell(b, c.position, r)
	}
	x := c.table.at(r, c.number)
	if c.nullable && x.oneIn(nullOneIn) {
		return append(b, null...)
	}
	return c.write(b, &x, r)
}

// at starts the random sequence of one place: the same place always gives the same values.
func (t *table) at(r row, number uint64) random {
	return random(t.seed ^ r.owner.seed ^ mix(uint64(r.i)<<8|number)) //nolint:gosec // i is never negative
}

// linkNumbers keeps the sequences of links apart from those of columns; no table has that many columns.
const linkNumbers = 128

// cell appends one column of the key of the parent that the row belongs to.
func (l *link) cell(b []byte, position int, r row) []byte {
	x := l.child.at(r, linkNumbers+l.number)
	switch {
	case l.deferred, l.nullable && x.oneIn(nullOneIn), l.parent == l.child && r.i == 0:
		return append(b, null...)
	case l.shared(r, &x):
		return strconv.AppendInt(b, l.parent.sharedIDs[x.below(len(l.parent.sharedIDs))], 10)
	}
	return l.targets[position].cell(b, row{owner: r.owner, i: l.choose(r, &x), n: l.parent.rows})
}

// shared decides whether the row points at a row of no tenant: always where there are no others, else half the time.
func (l *link) shared(r row, x *random) bool {
	if r.owner.id == "" || l.parent.rows == 0 {
		return true
	}
	return len(l.parent.sharedIDs) > 0 && x.oneIn(2)
}

// choose is the number of the parent row. Along the leading link children follow their parents in order, each off by half a
// parent at most, so that one order has three items and the next five.
func (l *link) choose(r row, x *random) int {
	if l.parent == l.child {
		return x.below(r.i)
	}
	if !l.leading {
		return x.below(l.parent.rows)
	}
	const precision = 1 << 16
	jittered := r.i*l.parent.rows*precision/r.n + x.below(precision) - precision/2
	return min(max(jittered, 0)/precision, l.parent.rows-1)
}
