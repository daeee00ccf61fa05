package events_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Encode does not read back what it has written, so this holds it against Decode: whatever it accepts is accepted.
func TestWhatEncodeAcceptsDecodeAccepts(t *testing.T) {
	t.Parallel()
	job, now := events.NewJobID(), time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z_]{1,10}`), rapid.Just("a\xffb"))
		tenant := events.TenantID(rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)).Draw(t, "tenant"))
		name := events.Participant(text.Draw(t, "name"))
		counts := rapid.OneOf(rapid.Just(map[string]int64(nil)), rapid.MapOfN(text, rapid.Int64(), 0, 5)).Draw(t, "counts")
		at := rapid.SampledFrom([]time.Time{now, {}, now.Add(time.Hour)}).Draw(t, "at")
		var total int64
		for _, n := range counts {
			total += n
		}
		payload := rapid.SampledFrom([]events.Payload{
			&events.Result{TenantID: tenant, ServiceName: name, Success: true, DeletedCounts: counts, Errors: []events.Problem{},
				Timestamp: at, JobID: job, Generation: 1, Attempt: 1, RequestID: events.EventID(text.Draw(t, "request"))},
			&events.Deleted{JobID: job, TenantID: tenant, Generation: 1, Total: total, SubmittedAt: now, CompletedAt: at,
				DeletedCounts: map[events.Participant]map[string]int64{name: counts}},
			&events.Outcome{JobID: job, TenantID: tenant, Generation: 1, State: text.Draw(t, "state"), Reason: "residue", At: at,
				Participants: []events.Participant{name}},
			&events.Submitted{RequestID: text.Draw(t, "key"), TenantID: tenant, Source: name, Reason: "contract_ended",
				RequestedBy: "someone", NotBefore: &at},
			(*events.Result)(nil), nil,
		}).Draw(t, "payload")
		e := events.Event{ID: events.EventID(text.Draw(t, "id")), Source: text.Draw(t, "source"), Subject: tenant, Time: at,
			Data: payload, Type: rapid.SampledFrom([]events.Type{
				events.TypeResult, events.TypeDeleted, events.TypeFailed, events.TypeSubmitted,
				"tenant.unknown"}).Draw(t, "type")}
		m, err := events.Encode(e)
		if err != nil {
			return
		}
		if _, err := events.Decode(m); err != nil {
			t.Fatalf("encoded, but: %v\n%s", err, m.Body)
		}
	})
}
