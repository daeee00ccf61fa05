package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// A10: nothing is deleted, a dead letter has the reason, the queue goes on.
func TestBadInputDeletesNothingAndStopsNobody(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	everything := s.digests("")
	s.coordinator()
	s.participants()
	until(t, "everybody to be ready", func() bool { return s.serves("orders") && s.serves("tenants") })
	js := s.jetStream()
	stranger := s.connect("stranger")
	put := func(subject string, header map[string]string, body []byte) {
		t.Helper()
		require.NoError(t, stranger.Publish(t.Context(), events.Message{Subject: subject, Header: header, Body: body}))
	}
	victim := s.tenants[0]
	forged := s.forgedCommand(victim)
	submitted := s.encoded(victim)
	put("tenant.deletion.submitted.e2e", nil, []byte("this is no JSON"))
	put("tenant.deletion.submitted.other", nil, submitted.Body)
	put("tenant.deletion.submitted.e2e", nil, bytes.Replace(submitted.Body, []byte(":1.0"), []byte(":9.0"), 1))
	put("tenant.deletion.submitted.e2e", nil, bytes.ReplaceAll(submitted.Body, []byte(victim), []byte("a b.c>*")))
	put(forged.Subject, nil, forged.Body)
	put("tenant.deletion.requested."+string(s.tenants[1]), nil, forged.Body)
	put("tenant.deletion.result.orders."+string(victim), nil, []byte(`{}`))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dead letters:\n%s", s.buried())
		}
	})
	until(t, "dead letters of intake, of every participant and of results", func() bool {
		text := s.buried()
		return strings.Count(text, "coordinator_intake: ") >= 4 && strings.Count(text, "orders: ") >= 2 &&
			strings.Count(text, "tenants: ") >= 2 && strings.Count(text, "coordinator_results: ") >= 1
	})
	require.Contains(t, s.buried(), "signature")
	require.NotContains(t, s.buried(), "this is no JSON", "a reason never repeats what was sent")
	s.nothingDeleted(everything)
	jobs, err := s.store.Jobs(t.Context(), saga.Filter{})
	require.NoError(t, err)
	require.Empty(t, jobs)
	s.drained(js)

	s.remember(victim)
	s.submit(s.connect("asker"), victim)
	s.proven(victim)
}

// forgedCommand is a well-formed command that nobody signed.
func (s *stack) forgedCommand(tenant events.TenantID) events.Message {
	s.t.Helper()
	names := make([]events.Participant, 0, 13)
	for _, entry := range app.ReferenceRoster() {
		names = append(names, entry.Participant)
	}
	job := events.NewJobID()
	m, err := events.Encode(events.Event{ID: events.EventIDFor(job, events.TypeRequested, "", 1, 1),
		Source: events.SourceCoordinator, Type: events.TypeRequested, Subject: tenant, Time: time.Now(),
		Data: &events.Command{JobID: job, TenantID: tenant,
			Generation: 1, Wave: 1, Attempt: 1, Participants: names, Reason: "contract_ended", RequestedAt: time.Now(),
			ExpiresAt: time.Now().Add(time.Hour)}})
	require.NoError(s.t, err)
	return m
}

func (s *stack) encoded(tenant events.TenantID) events.Message {
	s.t.Helper()
	data := submission(tenant, "bad-input")
	m, err := events.Encode(data.Event(time.Now()))
	require.NoError(s.t, err)
	return m
}

// drained waits until no consumer has anything left.
func (s *stack) drained(js jetstream.JetStream) {
	s.t.Helper()
	until(s.t, "every consumer to be done", func() bool {
		for consumer, stream := range s.consumers() {
			c, err := js.Consumer(s.t.Context(), stream, consumer)
			if err != nil {
				return false
			}
			info, err := c.Info(s.t.Context())
			if err != nil || info.NumPending > 0 || info.NumAckPending > 0 {
				return false
			}
		}
		return true
	})
}

func (s *stack) consumers() map[string]string {
	all := map[string]string{events.ConsumerIntake: events.StreamIntake, events.ConsumerResults: events.StreamEvents,
		events.ConsumerDead: events.StreamDead}
	for _, entry := range app.ReferenceRoster() {
		all[string(entry.Participant)] = events.StreamEvents
	}
	return all
}

// A5: every stored message is delivered again, twice over, to everybody; nothing changes.
func TestEverythingRedeliveredTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, 3)
	deleted := s.tenants[:2]
	s.coordinator()
	s.participants()
	asker := s.connect("asker")
	for _, tenant := range deleted {
		s.submit(asker, tenant)
	}
	s.provenTogether(deleted)
	js := s.jetStream()
	s.drained(js)
	first, receipts := map[events.TenantID]saga.Job{}, s.receipts()
	for _, tenant := range deleted {
		first[tenant] = s.job(tenant)
	}
	for range 2 {
		for consumer, stream := range s.consumers() {
			if stream != events.StreamEvents {
				continue
			}
			st, err := js.Stream(t.Context(), stream)
			require.NoError(t, err)
			require.NoError(t, s.rewind(js, st, consumer))
		}
		s.drained(js)
	}
	for _, tenant := range deleted {
		require.Equal(t, jsonOf(t, first[tenant]), jsonOf(t, s.job(tenant)), "the job did not move")
		require.Equal(t, 1, s.stored("tenant.deleted."+string(tenant)))
	}
	require.Equal(t, receipts, s.receipts(), "the receipts are the same, number for number")
	s.provenTogether(deleted)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
