package natsdeploy_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
)

var topology = natsdeploy.Topology{Participants: []events.Participant{"orders", "inventory"},
	Downstream: []natsdeploy.Subscriber{{Name: "billing"}}}

func broker(t *testing.T) jetstream.JetStream {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect("", nats.InProcessServer(server.InProcess()))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestApply(t *testing.T) {
	t.Parallel()
	t.Run("creates everything, and the second time nothing", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		planned, err := natsdeploy.Diff(t.Context(), js, topology)
		require.NoError(t, err)
		changes, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		require.Len(t, changes, 3+3+2+1)
		require.Equal(t, planned, changes)
		require.Equal(t, "create stream TD_INTAKE", changes[0].String())

		changes, err = natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		require.Empty(t, changes)
	})
	t.Run("repairs what was changed by hand, and names it", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		orders, err := js.Consumer(t.Context(), events.StreamEvents, "orders")
		require.NoError(t, err)
		config := orders.CachedInfo().Config
		config.AckWait = time.Minute
		_, err = js.UpdateConsumer(t.Context(), events.StreamEvents, config)
		require.NoError(t, err)
		stream, err := js.Stream(t.Context(), events.StreamDead)
		require.NoError(t, err)
		changed := stream.CachedInfo().Config
		changed.MaxMsgs = 7
		_, err = js.UpdateStream(t.Context(), changed)
		require.NoError(t, err)

		changes, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		require.Equal(t, []natsdeploy.Change{
			{Asset: "stream TD_DEAD", Field: "max_msgs", Have: "7", Want: "-1"},
			{Asset: "consumer TD_EVENTS/orders", Field: "ack_wait", Have: "60000000000", Want: "2500000000"},
		}, changes)
		changes, err = natsdeploy.Diff(t.Context(), js, topology)
		require.NoError(t, err)
		require.Empty(t, changes)
	})
	t.Run("a paused consumer stays paused, also when it is repaired", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		until := time.Now().Add(time.Hour).UTC()
		_, err = js.PauseConsumer(t.Context(), events.StreamEvents, "orders", until)
		require.NoError(t, err)
		changes, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		require.Empty(t, changes)
		orders, err := js.Consumer(t.Context(), events.StreamEvents, "orders")
		require.NoError(t, err)
		config := orders.CachedInfo().Config
		config.AckWait = time.Minute
		_, err = js.UpdateConsumer(t.Context(), events.StreamEvents, config)
		require.NoError(t, err)
		changes, err = natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		require.Len(t, changes, 1)
		orders, err = js.Consumer(t.Context(), events.StreamEvents, "orders")
		require.NoError(t, err)
		require.True(t, orders.CachedInfo().Paused)
	})
	t.Run("a new participant gets a consumer, nobody else is touched", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, topology)
		require.NoError(t, err)
		changes, err := natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: []events.Participant{"loyalty"}})
		require.NoError(t, err)
		require.Equal(t, []natsdeploy.Change{{Asset: "consumer TD_EVENTS/loyalty"}}, changes)
		_, err = js.Consumer(t.Context(), events.StreamEvents, "orders")
		require.NoError(t, err)
	})
	t.Run("refuses what a live broker cannot change, before it changes anything", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: events.StreamEvents, Subjects: []string{"tenant.deleted.*"},
			Storage: jetstream.MemoryStorage})
		require.NoError(t, err)
		_, err = natsdeploy.Apply(t.Context(), js, topology)
		var live *natsdeploy.LiveError
		require.ErrorAs(t, err, &live)
		require.Equal(t, "storage", live.Change.Field)
		require.ErrorContains(t, err, "delete it, apply again")
		_, err = js.Stream(t.Context(), events.StreamIntake)
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	})
	t.Run("refuses a consumer's settled setting", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{})
		require.NoError(t, err)
		_, err = js.CreateConsumer(t.Context(), events.StreamEvents, jetstream.ConsumerConfig{Durable: "orders",
			AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy})
		require.NoError(t, err)
		_, err = natsdeploy.Apply(t.Context(), js, topology)
		require.ErrorContains(t, err, "deliver_policy")
		require.ErrorContains(t, err, "nats consumer rm")
	})
	t.Run("refuses names that would reach into a subject", func(t *testing.T) {
		t.Parallel()
		js := broker(t)
		_, err := natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: []events.Participant{"orders.*"}})
		require.ErrorIs(t, err, events.ErrInvalid)
		_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "a>b"}}})
		require.Error(t, err)
	})
	t.Run("says that one server cannot hold three replicas", func(t *testing.T) {
		t.Parallel()
		_, err := natsdeploy.Apply(t.Context(), broker(t), natsdeploy.Topology{Replicas: 3})
		require.ErrorContains(t, err, "stream TD_INTAKE")
	})
}

func TestDeletedIsRepublishedPlainly(t *testing.T) {
	t.Parallel()
	js := broker(t)
	_, err := natsdeploy.Apply(t.Context(), js, topology)
	require.NoError(t, err)
	sub, err := js.Conn().SubscribeSync(events.SubjectDeletedPlain)
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "tenant.deleted.t1", []byte("gone"))
	require.NoError(t, err)
	m, err := sub.NextMsgWithContext(t.Context())
	require.NoError(t, err)
	require.Equal(t, "gone", string(m.Data))
}
