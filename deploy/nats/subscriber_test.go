package natsdeploy_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

func downstream(from natsdeploy.Start) natsdeploy.Topology {
	return natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "billing", From: from}}}
}

// next is the body of the next event a subscriber gets.
func next(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	c, err := js.Consumer(t.Context(), events.StreamEvents, natsdeploy.DownstreamConsumer("billing"))
	require.NoError(t, err)
	batch, err := c.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
	require.NoError(t, err)
	m, ok := <-batch.Messages()
	require.True(t, ok, "nothing arrived: %v", batch.Error())
	require.NoError(t, m.DoubleAck(t.Context()))
	return string(m.Data())
}

func TestSubscriberStart(t *testing.T) {
	t.Parallel()
	// stored has the events 1 and 2, and the time of 2.
	stored := func(t *testing.T) (jetstream.JetStream, time.Time) {
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{})
		require.NoError(t, err)
		for n := range 2 {
			_, err = js.Publish(t.Context(), "tenant.deleted.t1", []byte(strconv.Itoa(n+1)))
			require.NoError(t, err)
		}
		stream, err := js.Stream(t.Context(), events.StreamEvents)
		require.NoError(t, err)
		second, err := stream.GetMsg(t.Context(), 2)
		require.NoError(t, err)
		return js, second.Time
	}
	for _, one := range []struct {
		claim string
		from  func(second time.Time) natsdeploy.Start
		want  string
	}{
		{"an unset start is the beginning of a new consumer", func(time.Time) natsdeploy.Start { return "" }, "1"},
		{"begin is the oldest event", func(time.Time) natsdeploy.Start { return natsdeploy.StartBegin }, "1"},
		{"a time is the first event at or after it", natsdeploy.StartAt, "2"},
		{"now is the first event after the consumer was made", func(time.Time) natsdeploy.Start { return natsdeploy.StartNow }, "3"},
	} {
		t.Run(one.claim, func(t *testing.T) {
			t.Parallel()
			js, second := stored(t)
			from := one.from(second)
			_, err := natsdeploy.Apply(t.Context(), js, downstream(from))
			require.NoError(t, err)
			_, err = js.Publish(t.Context(), "tenant.deleted.t1", []byte("3"))
			require.NoError(t, err)
			require.Equal(t, one.want, next(t, js))

			changes, err := natsdeploy.Apply(t.Context(), js, downstream(from))
			require.NoError(t, err)
			require.Empty(t, changes, "the same start")
			changes, err = natsdeploy.Apply(t.Context(), js, downstream(""))
			require.NoError(t, err)
			require.Empty(t, changes, "no start asks nothing")
		})
	}
	t.Run("another start than a live consumer's is refused, with the way out", func(t *testing.T) {
		t.Parallel()
		js, second := stored(t)
		_, err := natsdeploy.Apply(t.Context(), js, downstream(natsdeploy.StartAt(second)))
		require.NoError(t, err)
		later := natsdeploy.StartAt(second.Add(time.Second))
		for _, from := range []natsdeploy.Start{natsdeploy.StartNow, natsdeploy.StartBegin, later} {
			_, err = natsdeploy.Apply(t.Context(), js, downstream(from))
			var live *natsdeploy.LiveError
			require.ErrorAs(t, err, &live, from)
			require.Contains(t, live.WayOut, "leave the start unset")
		}
		require.Equal(t, "2", next(t, js))
	})
	t.Run("a live consumer gets the other settings and keeps its place", func(t *testing.T) {
		t.Parallel()
		js, _ := stored(t)
		_, err := js.CreateConsumer(t.Context(), events.StreamEvents, jetstream.ConsumerConfig{Durable: "downstream_billing",
			FilterSubject: "tenant.deleted.*", AckPolicy: jetstream.AckExplicitPolicy,
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1, MaxAckPending: 256,
			AckWait: 30 * time.Second, MaxDeliver: -1, MaxWaiting: 512})
		require.NoError(t, err)
		require.Equal(t, "1", next(t, js))
		changes, err := natsdeploy.Apply(t.Context(), js, downstream(""))
		require.NoError(t, err)
		var fields []string
		for _, c := range changes {
			fields = append(fields, c.Field)
		}
		require.Equal(t, []string{"ack_wait", "description", "max_ack_pending"}, fields)
		require.Equal(t, "2", next(t, js))
	})
}

func TestParseStart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]natsdeploy.Start{"": "", "begin": natsdeploy.StartBegin, "now": natsdeploy.StartNow,
		"2026-01-02T03:04:05+02:00": "2026-01-02T01:04:05Z"} {
		start, err := natsdeploy.ParseStart(text)
		require.NoError(t, err, text)
		require.Equal(t, want, start)
	}
	for _, text := range []string{"new", "yesterday", "2026-01-02", "begin "} {
		_, err := natsdeploy.ParseStart(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), text)
	}
	_, err := natsdeploy.Define(natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "billing", From: "noon"}}})
	require.Error(t, err)
}
