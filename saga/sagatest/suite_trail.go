package sagatest

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// RunTrail holds an audit trail against the contract of saga.Trail. Open gives an empty one; it is called once per claim, and the
// claims run side by side.
func RunTrail(t *testing.T, open func(t testing.TB) saga.Trail) {
	t.Helper()
	for _, c := range trailClaims {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.prove(&trailFixture{fixture: fixture{TB: t, ctx: t.Context()}, trail: open(t)})
		})
	}
}

// trailFixture is an empty trail with the words to prove a claim.
type trailFixture struct {
	fixture
	trail saga.Trail
}

func (f *trailFixture) record(records ...saga.AuditRecord) {
	f.Helper()
	f.must(f.trail.Record(f.ctx, records...))
}

// all are the records that the filter selects, oldest first.
func (f *trailFixture) all(filter saga.AuditFilter) []saga.AuditRecord {
	f.Helper()
	records, err := f.trail.Recorded(f.ctx, filter)
	f.must(err)
	slices.Reverse(records)
	return records
}

// full has every field.
func full() saga.AuditRecord {
	return saga.AuditRecord{Operation: "deleteTenant", Actor: "crm", OnBehalfOf: "user-1", Token: "jti-1",
		Roles: []string{"admin", "operator"}, Source: "crm", Origin: "192.0.2.1", Tenant: "t1", Job: events.NewJobID(), About: "7",
		Reason: "ticket-4711"}
}

var trailClaims = []struct {
	name  string
	prove func(f *trailFixture)
}{
	{"records are read as they were written, numbered without gaps", func(f *trailFixture) {
		before := time.Now().Add(-time.Minute)
		intent := full().Intent("a-1")
		f.record()
		f.record(intent, intent.Outcome(saga.AuditDone))
		f.record(saga.AuditRecord{Operation: "setRoster"}.Intent("a-2").Outcome("forbidden"))
		records := f.all(saga.AuditFilter{})
		f.that(len(records) == 3, "%d records", len(records))
		for i, r := range records {
			f.that(r.Number == int64(i+1) && r.At.After(before) && r.Action != "", "%+v is record %d", r, i+1)
		}
		read := records[1]
		read.Number, read.At, read.Hash = 0, time.Time{}, ""
		f.that(reflect.DeepEqual(read, intent.Outcome(saga.AuditDone)), "%+v is %+v", read, intent)
		f.that(records[0].Phase == saga.AuditIntent && records[0].Code == "" && records[0].Action == read.Action, "%+v", records[0])
		f.that(records[2].Roles == nil, "%+v has no roles", records[2])
	}},
	{"each record's hash follows from the one before", func(f *trailFixture) {
		f.record(full().Intent("a-1"), full().Intent("a-1").Outcome(saga.AuditDone))
		f.record(saga.AuditRecord{Operation: "cancelJob", Actor: "größe"}.Intent("a-2").Outcome(saga.AuditDone))
		records := f.all(saga.AuditFilter{})
		f.must(saga.CheckChain(saga.AuditStart, records...))
		f.must(saga.CheckChain(records[0].Hash, records[1:]...))
		for i := range records {
			changed := slices.Clone(records)
			changed[i].Actor = "somebody else"
			f.is(saga.CheckChain(saga.AuditStart, changed...), saga.ErrInvariant)
		}
		f.is(saga.CheckChain(saga.AuditStart, records[0], records[2]), saga.ErrInvariant)
	}},
	{"texts are printable, on one line, and not too long", func(f *trailFixture) {
		f.record(saga.AuditRecord{Operation: "x", Token: "a\nb\x00c\xff\u0085", Reason: strings.Repeat("ä", 300),
			About: strings.Repeat("€", 256), Roles: []string{"a\tb", "c"}}.Intent("a-1").Outcome(saga.AuditDone))
		r := f.all(saga.AuditFilter{})[0]
		f.that(r.Token == "a?b?c??" && r.Reason == strings.Repeat("ä", 256) && r.About == strings.Repeat("€", 256), "%+v", r)
		f.that(slices.Equal(r.Roles, []string{"a?b", "c"}), "%+v", r)
		f.must(saga.CheckChain(saga.AuditStart, r))
	}},
	{"lists are newest first, page by page, and filters hold together", func(f *trailFixture) {
		wanted := full().Intent("a-1")
		for i := range 5 {
			other := saga.AuditRecord{Operation: "cancelJob", Actor: "user-2", Tenant: tenant(i)}
			f.record(wanted, other.Intent("a-2").Outcome(saga.AuditDone))
		}
		var seen []int64
		for before := int64(0); ; {
			page, err := f.trail.Recorded(f.ctx, saga.AuditFilter{Actor: "user-1", Before: before, Limit: 2})
			f.must(err)
			for _, r := range page {
				seen, before = append(seen, r.Number), r.Number
			}
			if len(page) < 2 {
				break
			}
		}
		f.that(slices.Equal(seen, []int64{9, 7, 5, 3, 1}), "%v: also on whose behalf", seen)
		middle := f.all(saga.AuditFilter{})[4].At
		for n, filters := range map[int][]saga.AuditFilter{
			10: {{}, {Since: time.Now().Add(-time.Hour)}, {Until: time.Now().Add(time.Hour)}},
			5:  {{Actor: "crm"}, {Job: wanted.Job}, {Tenant: "t1", Operation: "deleteTenant"}, {Operation: "cancelJob"}},
			0: {{Actor: "nobody"}, {Tenant: "t1", Actor: "user-2", Operation: "deleteTenant"}, {Until: time.Now().Add(-time.Hour)},
				{Actor: "a\x00"}, {Since: middle, Until: middle}},
		} {
			for _, filter := range filters {
				found := f.all(filter)
				f.that(len(found) == n, "%+v has %d, want %d", filter, len(found), n)
				for _, r := range found {
					f.that(filter.Matches(r), "%+v matches %+v", r, filter)
				}
			}
		}
	}},
	{"writers at once have one chain", func(f *trailFixture) {
		const writers, each = 8, 10
		f.together(writers, func(int) error {
			intent := full().Intent("a-1")
			for range each {
				if err := f.trail.Record(context.Background(), intent, intent.Outcome(saga.AuditDone)); err != nil {
					return err
				}
			}
			return nil
		})
		records := f.all(saga.AuditFilter{Limit: 1000})
		f.that(len(records) == 2*writers*each, "%d records", len(records))
		f.must(saga.CheckChain(saga.AuditStart, records...))
		for i := 0; i < len(records); i += 2 {
			f.that(records[i].Phase == saga.AuditIntent && records[i+1].Phase == saga.AuditOutcome, "what is written together stays so")
		}
	}},
}
