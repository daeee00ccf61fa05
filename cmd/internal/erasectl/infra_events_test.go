package erasectl

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

const testWait = 30 * time.Second

func TestSample(t *testing.T) {
	t.Parallel()

	t.Run("of every type is an event that readers accept, on the subject that its stream stores", func(t *testing.T) {
		t.Parallel()
		for _, kind := range sampled {
			e, err := sample(events.Type(kind), "test-bread", "orders", time.Now())
			require.NoError(t, err, kind)
			m, err := events.Encode(e)
			require.NoError(t, err, kind)
			read, err := events.Decode(m)
			require.NoError(t, err, kind)
			require.Equal(t, events.TenantID("test-bread"), read.Subject)
			require.Equal(t, events.StreamOf(e.Type), events.StreamOfSubject(m.Subject))
		}
	})
	t.Run("is another event each time, of another job", func(t *testing.T) {
		t.Parallel()
		for _, kind := range sampled {
			one, err := sample(events.Type(kind), "test-bread", "orders", time.Now())
			require.NoError(t, err)
			two, err := sample(events.Type(kind), "test-bread", "orders", time.Now())
			require.NoError(t, err)
			require.NotEqual(t, one.ID, two.ID, kind)
		}
	})
	t.Run("is refused for commands and for tenants that may be real", func(t *testing.T) {
		t.Parallel()
		for _, wrong := range [][3]string{
			{"tenant.deletion.requested", "test-bread", "orders"}, {"tenant.deletion.replayed", "test-bread", "orders"},
			{"tenant.unheard", "test-bread", "orders"}, {"", "test-bread", "orders"},
			{"tenant.deleted", "bread", "orders"}, {"tenant.deleted", "", "orders"}, {"tenant.deleted", "test-", "orders"},
			{"tenant.deleted", "Test-bread", "orders"}, {"tenant.deleted", "test-br*ad", "orders"},
			{"tenant.deleted", "test-bread", "Orders"}, {"tenant.deleted", "test-bread", ""},
		} {
			_, _, _, err := checkSample(wrong[0], wrong[1], wrong[2])
			require.Error(t, err, wrong)
		}
		for _, kind := range sampled {
			_, _, _, err := checkSample(kind, "test-bread", "orders")
			require.NoError(t, err, kind)
		}
	})
}

func TestHear(t *testing.T) {
	t.Parallel()

	t.Run("tells each type in a line", func(t *testing.T) {
		t.Parallel()
		for kind, want := range map[events.Type][2]string{
			events.TypeDeleted:   {"", "16 deleted by 1 participant"},
			events.TypeSubmitted: {"", "erasectl asks, reason sample, request sample-"},
			events.TypeResult:    {"orders", "16 deleted in 21 ms"},
			events.TypeFailed:    {"orders", "failed: participant_failed"},
			events.TypeCancelled: {"", "cancelled: cancelled"},
			events.TypeProgress:  {"orders", "12 deleted so far"},
		} {
			h := hear(encoded(t, kind), time.Time{})
			require.Equal(t, string(kind), h.kind)
			require.Equal(t, "test-bread", h.tenant)
			require.Equal(t, want[0], h.participant, kind)
			require.Contains(t, h.summary, want[1], kind)
		}
	})
	t.Run("tells of commands and refusals too", func(t *testing.T) {
		t.Parallel()
		command := &events.Command{Wave: 1, Attempt: 2, Participants: []events.Participant{"orders", "pos"}}
		participant, summary := summarize(events.Event{Data: command})
		require.Equal(t, [2]string{"", "wave 1, attempt 2, 2 participants"}, [2]string{participant, summary})
		result := &events.Result{ServiceName: "pos", Errors: []events.Problem{{Code: "unplanned_table"}, {Code: "residue"}}}
		participant, summary = summarize(events.Event{Data: result})
		require.Equal(t, [2]string{"pos", "did not delete: unplanned_table, residue"}, [2]string{participant, summary})
		_, summary = summarize(events.Event{Data: &events.Result{Success: true, Replayed: true,
			DeletedCounts: map[string]int64{"orders": 9007199254740991}}})
		require.Equal(t, "9007199254740991 deleted, from the receipt", summary)
		_, summary = summarize(events.Event{Data: &events.Deleted{Total: 3, Round: 2}})
		require.Equal(t, "3 deleted by 0 participants, round 2", summary)
	})
	t.Run("shows what cannot be read, and lets no stranger write to the terminal", func(t *testing.T) {
		t.Parallel()
		h := hear(events.Message{Subject: "tenant.deletion.result.or\x1b[2Jders.test-bread", Body: []byte("{\n")}, time.Now())
		require.Equal(t, "tenant.deletion.result", h.kind)
		require.Equal(t, "test-bread", h.tenant)
		require.Contains(t, h.summary, "cannot be read")
		require.Equal(t, "red [31m line two text", app.OneLine("red\x1b[31m\nline\ttwo\u202e\u0085text"))
	})
}

func encoded(t *testing.T, kind events.Type) events.Message {
	t.Helper()
	e, err := sample(kind, "test-bread", "orders", time.Now())
	require.NoError(t, err)
	m, err := events.Encode(e)
	require.NoError(t, err)
	return m
}

func TestTail(t *testing.T) {
	t.Parallel()

	t.Run("shows every type that is sent, stored or not", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		follow := tailing(t, url, tailed{limit: len(sampled)})
		sendEach(t, b, "test-bread")
		require.ElementsMatch(t, sampled, follow())
	})
	t.Run("shows what was stored since, then what is new", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		began := time.Now()
		sendEach(t, b, "test-before")
		follow := tailing(t, url, tailed{limit: 5, since: began, types: []events.Type{events.TypeDeleted, events.TypeResult,
			events.TypeFailed, events.TypeCancelled}})
		publishSample(t, url, events.TypeDeleted)
		require.ElementsMatch(t, []string{"tenant.deleted", "tenant.deletion.result", "tenant.deletion.failed",
			"tenant.deletion.cancelled", "tenant.deleted"}, follow())
	})
	t.Run("of one tenant and some types shows nothing else", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		kinds := []events.Type{events.TypeSubmitted, events.TypeResult, events.TypeDeleted}
		follow := tailing(t, url, tailed{limit: 3, tenant: "test-bread", types: kinds})
		sendEach(t, b, "test-cake")
		sendEach(t, b, "test-bread")
		require.ElementsMatch(t, []string{"tenant.deletion.submitted", "tenant.deletion.result", "tenant.deleted"}, follow())
	})
	t.Run("of what streams keep leaves progress out", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		follow := tailing(t, url, tailed{limit: len(sampled) - 1, storedOnly: true})
		sendEach(t, b, "test-bread")
		require.NotContains(t, follow(), string(events.TypeProgress))
	})
	t.Run("ends in order with its context", func(t *testing.T) {
		t.Parallel()
		url, _ := provisioned(t)
		b := openTestBus(t, url)
		for _, kinds := range [][]events.Type{nil, {events.TypeProgress}} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.NoError(t, tailed{types: kinds}.follow(ctx, b, func(bus.Stored) error { return nil }))
		}
	})
	t.Run("ends with the error of whoever shows", func(t *testing.T) {
		t.Parallel()
		url, b := provisioned(t)
		broken := fmt.Errorf("broken pipe")
		ended := make(chan error, 1)
		ready := openTestBus(t, url)
		go func() {
			ended <- tailed{since: time.Now().Add(-time.Minute)}.follow(t.Context(), ready, func(bus.Stored) error { return broken })
		}()
		sendEach(t, b, "test-bread")
		require.ErrorIs(t, <-ended, broken)
	})
	t.Run("of a broker without the stream says what makes it", func(t *testing.T) {
		t.Parallel()
		b := openTestBus(t, startNATS(t))
		err := tailed{}.follow(t.Context(), b, func(bus.Stored) error { return nil })
		require.ErrorContains(t, err, "erasectl nats apply")
	})
}

func TestTailPatterns(t *testing.T) {
	t.Parallel()

	t.Run("are stored by the stream that is read, or by none or the queue", func(t *testing.T) {
		t.Parallel()
		stored, live := tailed{}.patterns()
		require.Len(t, append(stored, live...), len(wire))
		for _, pattern := range stored {
			require.Equal(t, events.StreamEvents, events.StreamOfSubject(pattern))
		}
		for _, pattern := range live {
			require.NotEqual(t, events.StreamEvents, events.StreamOfSubject(pattern))
		}
	})
}

// provisioned is a broker with streams, and a bus to send with.
func provisioned(t *testing.T) (url string, b *bus.JetStream) {
	t.Helper()
	url = startNATS(t)
	_, err := natsdeploy.Apply(t.Context(), streams(t, url), natsdeploy.Topology{Participants: []events.Participant{"orders"}})
	require.NoError(t, err)
	return url, openTestBus(t, url)
}

// sendEach sends one sample of each type.
func sendEach(t *testing.T, b bus.Bus, tenant events.TenantID) {
	t.Helper()
	for _, kind := range sampled {
		e, err := sample(events.Type(kind), tenant, "orders", time.Now())
		require.NoError(t, err)
		_, err = send(t.Context(), b, e, nil)
		require.NoError(t, err)
	}
}

// tailing starts a tail and returns once it hears; the function it returns waits for its end and tells the types it showed.
func tailing(t *testing.T, url string, f tailed) (ended func() []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	t.Cleanup(cancel)
	b, ready, done := openTestBus(t, url), make(chan struct{}), make(chan error, 1)
	var kinds []string
	go func() {
		done <- f.follow(ctx, hearing{b, ready}, func(m bus.Stored) error {
			kinds = append(kinds, hear(m.Message, m.StoredAt).kind)
			return nil
		})
	}()
	<-ready
	return func() []string {
		require.NoError(t, <-done)
		require.NoError(t, ctx.Err(), "it ended because time was up")
		return kinds
	}
}

// hearing tells when a tail hears everything that is sent: its watches stand, and its reading begins before now.
type hearing struct {
	*bus.JetStream
	ready chan struct{}
}

// Tail begins a moment earlier than it was asked to, so that nothing can be sent before the broker knows of it.
func (h hearing) Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(bus.Stored) error) error {
	if since.IsZero() {
		since = time.Now()
	}
	close(h.ready)
	return h.JetStream.Tail(ctx, stream, subjects, since, fn)
}
