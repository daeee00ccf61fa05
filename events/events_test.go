package events_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

const job events.JobID = "01932f5e-7c00-7abc-8def-0123456789ab"

var at = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func command(participants ...events.Participant) *events.Command {
	return &events.Command{JobID: job, TenantID: "bakery-7", Generation: 1, Wave: 1, Attempt: 1, Participants: participants,
		Reason: "contract_ended", RequestedAt: at, ExpiresAt: at.Add(time.Hour)}
}

func event(t events.Type, data events.Payload) events.Event {
	return events.Event{ID: events.EventIDFor(job, t, "", 1, 1), Source: events.SourceCoordinator, Type: t, Subject: data.TenantOf(),
		Time: at, Data: data}
}

func encoded(t testing.TB, e events.Event) events.Message {
	t.Helper()
	m, err := events.Encode(e)
	require.NoError(t, err)
	return m
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "bakery-7", "A_b-9", strings.Repeat("x", 64)} {
		require.NoError(t, events.TenantID(good).Validate())
	}
	for _, bad := range []string{"", "a.b", "*", ">", "a b", "ä", strings.Repeat("x", 65), "a\n"} {
		_, err := events.ParseTenantID(bad)
		require.ErrorIs(t, err, events.ErrInvalid, "%q", bad)
	}
	for _, bad := range []string{"", "Orders", "9a", "a-b", "a.b", strings.Repeat("x", 33), "a\n"} {
		_, err := events.ParseParticipant(bad)
		require.ErrorIs(t, err, events.ErrInvalid, "%q", bad)
	}
	for _, bad := range []string{"", "x", strings.ToUpper(string(job)), "{" + string(job) + "}", "urn:uuid:" + string(job)} {
		_, err := events.ParseJobID(bad)
		require.ErrorIs(t, err, events.ErrInvalid, "%q", bad)
	}
	made := events.NewJobID()
	_, err := events.ParseJobID(string(made))
	require.NoError(t, err)
	require.Less(t, made, events.NewJobID(), "job ids are ordered by time")
}

func TestEventIDsTellEventsApart(t *testing.T) {
	t.Parallel()
	seen := map[events.EventID]string{}
	note := func(id events.EventID, what string) {
		require.Empty(t, seen[id], what)
		seen[id] = what
	}
	note(events.EventIDFor(job, events.TypeResult, "orders", 1, 1), "one")
	note(events.EventIDFor(job, events.TypeResult, "orders", 1, 2), "attempt")
	note(events.EventIDFor(job, events.TypeResult, "orders", 2, 1), "wave")
	note(events.EventIDFor(job, events.TypeResult, "pos", 1, 1), "participant")
	note(events.EventIDFor(job, events.TypeFailed, "orders", 1, 1), "type")
	note(events.EventIDFor(events.NewJobID(), events.TypeResult, "orders", 1, 1), "job")
	asked := events.Submitted{RequestID: "1", TenantID: "acme", Source: "crm", Reason: "contract_ended", RequestedBy: "user-1"}
	note(asked.EventID(), "submission")
	other, content := asked, asked
	other.Source, content.Policy = "erp", &events.RequestPolicy{Approval: true}
	note(other.EventID(), "source")
	note(content.EventID(), "content")
	again := events.EventIDFor(job, events.TypeResult, "orders", 1, 1)
	require.Equal(t, "one", seen[again])
	again = asked.EventID()
	require.Equal(t, "submission", seen[again])
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	require.Equal(t, "tenant.deletion.requested.bakery-7", encoded(t, event(events.TypeRequested, command("orders", "pos"))).Subject)
	require.Equal(t, "tenant.deletion.replayed.orders.bakery-7", encoded(t, event(events.TypeReplayed, command("orders"))).Subject)
	_, err := events.Encode(event(events.TypeRequested, command()))
	require.ErrorIs(t, err, events.ErrInvalid)
	require.Equal(t, "tenant.deletion.progress.*.*", events.ProgressSubject(""))
	require.Equal(t, "tenant.deletion.progress.*.bakery-7", events.ProgressSubject("bakery-7"))
	require.Equal(t, "tenant.deletion.preview.orders", events.PreviewSubject("orders"))
	for subject, stream := range map[string]string{
		"tenant.deletion.submitted.crm":          events.StreamIntake,
		"tenant.deletion.requested.bakery-7":     events.StreamEvents,
		"tenant.deletion.result.orders.bakery-7": events.StreamEvents,
		"tenant.deleted.bakery-7":                events.StreamEvents,
		"tenant.deleted":                         "",
		"tenant.deleted.":                        "",
		"tenant.deletion.progress.orders.a":      "",
		"tenant.deletion.resultx.orders.a":       "",
		"":                                       "",
	} {
		require.Equal(t, stream, events.StreamOfSubject(subject), subject)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	e := event(events.TypeRequested, command("orders"))
	e.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	m := encoded(t, e)
	require.Equal(t, map[string]string{events.HeaderMsgID: string(e.ID), events.HeaderContentType: events.ContentType,
		events.HeaderTraceParent: e.TraceParent}, m.Header)
	got, err := events.Decode(m)
	require.NoError(t, err)
	require.Equal(t, e, got)
	require.Equal(t, m, encoded(t, e), "the same event is the same bytes")
}

func TestDecode(t *testing.T) {
	t.Parallel()
	m := encoded(t, event(events.TypeRequested, command("orders")))
	change := func(old, with string) events.Message {
		changed := m
		changed.Body = []byte(strings.Replace(string(m.Body), old, with, 1))
		require.NotEqual(t, m.Body, changed.Body)
		return changed
	}
	refused := map[string]events.Message{
		"another tenant's subject":   {Subject: events.RequestedSubject("bakery-8"), Body: m.Body},
		"another type's subject":     {Subject: "tenant.deletion.failed.bakery-7", Body: m.Body},
		"two values":                 {Subject: m.Subject, Body: append(append([]byte{}, m.Body...), "{}"...)},
		"no value":                   {Subject: m.Subject},
		"too large":                  {Subject: m.Subject, Body: append(append([]byte{}, m.Body...), strings.Repeat(" ", 64<<10)...)},
		"a list":                     {Subject: m.Subject, Body: []byte("[]")},
		"not UTF-8":                  change(`"contract_ended"`, "\"contract_ended\xff\""),
		"a key twice":                change(`"wave":1`, `"wave":1,"wave":2`),
		"a key twice, escaped":       change(`"wave":1`, `"wave":1,"w\u0061ve":2`),
		"a key twice in an unknown":  change(`"data":`, `"extra":{"a":1,"a":2},"data":`),
		"a key in another case":      change(`"wave":1`, `"Wave":1`),
		"a key in a folded case":     change(`"specversion"`, `"ſpecversion"`),
		"a second key in other case": change(`"wave":1`, `"wave":1,"WAVE":2`),
		"data in another case":       change(`"data":`, `"DATA":{},"data":`),
		"null":                       change(`"wave":1`, `"wave":null`),
		"an unknown key":             change(`"wave":1`, `"wave":1,"extra":1`),
		"a deep unknown":             change(`"data":`, `"extra":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,"data":`),
		"an unknown major version":   change("requested:1.0", "requested:2.0"),
		"no version":                 change("requested:1.0", "requested:1"),
		"a version of another type":  change("tenant.deletion.requested:1.0", "tenant.deletion.result:1.0"),
		"a version with a sign":      change("requested:1.0", "requested:1.+0"),
		"an unknown type":            change(`"type":"tenant.deletion.requested"`, `"type":"tenant.deletion.wished"`),
	}
	for why, message := range refused {
		_, err := events.Decode(message)
		require.ErrorIs(t, err, events.ErrInvalid, why)
		require.NotContains(t, err.Error(), "bakery", why)
	}

	newer := change("requested:1.0", "requested:1.7")
	newer.Body = []byte(strings.Replace(string(newer.Body), `"wave":1`, `"wave":1,"later":{"a":null}`, 1))
	e, err := events.Decode(newer)
	require.NoError(t, err, "a newer minor version may have more keys")
	require.Equal(t, 1, e.Data.(*events.Command).Wave)
	newer.Body = []byte(strings.Replace(string(newer.Body), `"later"`, `"WAVE"`, 1))
	_, err = events.Decode(newer)
	require.ErrorIs(t, err, events.ErrInvalid, "but not ours in another spelling")
}

func TestDeletedAddsUpWithoutOverflow(t *testing.T) {
	t.Parallel()
	d := &events.Deleted{JobID: job, TenantID: "bakery-7", Generation: 1, SubmittedAt: at, CompletedAt: at,
		DeletedCounts: map[events.Participant]map[string]int64{"orders": {"orders": 2}, "pos": {"pos": 3}}, Total: 5}
	encoded(t, event(events.TypeDeleted, d))
	d.DeletedCounts["pos"]["pos"] = 1 << 53
	d.Total = 1<<53 + 2
	_, err := events.Encode(event(events.TypeDeleted, d))
	require.ErrorIs(t, err, events.ErrInvalid)
}

func TestTotals(t *testing.T) {
	t.Parallel()
	counts := map[string]int64{"a": 1, "b": 2}
	require.EqualValues(t, 3, (&events.Result{DeletedCounts: counts}).Total())
	require.EqualValues(t, 3, (&events.Preview{Counts: counts}).Total())
	require.True(t, command("orders").Names("orders"))
	require.False(t, command("orders").Names("pos"))
}

func BenchmarkEncode(b *testing.B) {
	e := event(events.TypeRequested, command("orders", "pos", "training"))
	for b.Loop() {
		if _, err := events.Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	m := encoded(b, event(events.TypeRequested, command("orders", "pos", "training")))
	for b.Loop() {
		if _, err := events.Decode(m); err != nil {
			b.Fatal(err)
		}
	}
}
