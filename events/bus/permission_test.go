package bus_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// strict starts a broker that lets "orders" do what a participant may, and nothing else.
func strict(t *testing.T) (orders, admin bus.Config) {
	t.Helper()
	allow := func(subjects ...string) *server.SubjectPermission { return &server.SubjectPermission{Allow: subjects} }
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 16 << 30,
		Users: []*server.User{
			{Username: "admin", Password: "admin"},
			{Username: "orders", Password: "orders", Permissions: &server.Permissions{
				Publish: allow("tenant.deletion.result.orders.*", "$JS.API.CONSUMER.INFO.TD_EVENTS.orders",
					"$JS.API.CONSUMER.MSG.NEXT.TD_EVENTS.orders", "$JS.ACK.TD_EVENTS.orders.>"),
				Subscribe: allow("_INBOX_orders.>", "tenant.deletion.preview.orders", "$SRV.>"),
				Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: 30 * time.Second},
			}},
		}})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	config := func(user string) bus.Config {
		return bus.Config{URL: s.ClientURL(), Name: user, Options: []nats.Option{nats.UserInfo(user, user)}}
	}
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("admin", "admin"))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: spec.Participants})
	require.NoError(t, err)
	return config("orders"), config("admin")
}

// quickly is far below the timeout that a denial looks like without being joined to its call.
const quickly = 3 * time.Second

func TestPermission(t *testing.T) {
	t.Parallel()
	ordersConfig, adminConfig := strict(t)
	b, admin := open(t, ordersConfig), open(t, adminConfig)
	soon := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), quickly)
		t.Cleanup(cancel)
		return ctx
	}
	nothing := func(context.Context, []bus.Delivery) []error { return nil }

	t.Run("a participant does its work", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, admin.Publish(t.Context(), command("c-1")))
		require.Equal(t, "c-1", next(t, arrivals(t, b, orders)))
		require.NoError(t, b.Publish(soon(t), events.Message{Subject: "tenant.deletion.result.orders.t1", Body: []byte("1")}))
	})
	t.Run("an id that somebody else has taken keeps nothing out, also of who may read nothing", func(t *testing.T) {
		t.Parallel()
		taken := map[string]string{events.HeaderMsgID: "taken"}
		require.NoError(t, admin.Publish(t.Context(), events.Message{Subject: "tenant.deletion.result.inventory.t9", Header: taken}))
		mine := events.Message{Subject: "tenant.deletion.result.orders.t9", Header: taken, Body: []byte("mine")}
		require.NoError(t, b.Publish(soon(t), mine))
		require.Equal(t, "taken", mine.Header[events.HeaderMsgID], "the caller's message is not changed")
		stored, err := admin.Last(t.Context(), events.StreamEvents, mine.Subject)
		require.NoError(t, err)
		require.Equal(t, "mine", string(stored.Body))
	})
	t.Run("publishing for another is denied at once", func(t *testing.T) {
		t.Parallel()
		mine := events.Message{Subject: "tenant.deletion.result.orders.t2", Body: []byte("1")}
		foreign := events.Message{Subject: "tenant.deletion.result.inventory.t1", Body: []byte("1")}
		err := b.Publish(soon(t), mine, foreign)
		require.ErrorIs(t, err, bus.ErrPermission)
		var failure *bus.PublishError
		require.ErrorAs(t, err, &failure)
		require.Contains(t, failure.Failed, 1)
	})
	t.Run("consuming for another is denied at once", func(t *testing.T) {
		t.Parallel()
		foreign := bus.Consumer{Stream: events.StreamEvents, Name: "inventory"}
		require.ErrorIs(t, b.Consume(soon(t), foreign, nothing), bus.ErrPermission)
		foreign.BatchMax = 8
		require.ErrorIs(t, b.Consume(soon(t), foreign, nothing), bus.ErrPermission)
	})
	t.Run("watching what is not granted is denied at once", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, b.Watch(soon(t), "tenant.deletion.>", func(events.Message) {}), bus.ErrPermission)
		require.ErrorIs(t, b.Watch(soon(t), "tenant.deletion.>", func(events.Message) {}), bus.ErrPermission)
	})
	t.Run("serving for another is denied at once", func(t *testing.T) {
		t.Parallel()
		err := b.Serve(soon(t), bus.Service{Name: "x", Version: "1.0.0", Subject: "tenant.deletion.preview.inventory"}, nil)
		require.ErrorIs(t, err, bus.ErrPermission)
	})
	t.Run("asking what is not granted is denied at once", func(t *testing.T) {
		t.Parallel()
		_, err := b.Request(soon(t), events.Message{Subject: "tenant.deletion.preview.inventory"})
		require.ErrorIs(t, err, bus.ErrPermission)
	})
	t.Run("reading what is not granted is denied at once", func(t *testing.T) {
		t.Parallel()
		_, err := b.Last(soon(t), events.StreamEvents, "tenant.deletion.requested.t1")
		require.ErrorIs(t, err, bus.ErrPermission)
		_, err = b.Next(soon(t), events.StreamEvents, "tenant.deletion.requested.t1", 1)
		require.ErrorIs(t, err, bus.ErrPermission)
	})
	t.Run("tailing what is not granted is denied at once", func(t *testing.T) {
		t.Parallel()
		never := func(bus.Stored) error { return nil }
		require.ErrorIs(t, b.Tail(soon(t), events.StreamEvents, nil, time.Unix(1, 0), never), bus.ErrPermission)
	})
	t.Run("an asker gets its answer, a foreign reply subject does not", func(t *testing.T) {
		t.Parallel()
		const subject = "tenant.deletion.preview.orders"
		var calls atomic.Int32
		require.NoError(t, b.Serve(t.Context(), bus.Service{Name: "orders", Version: "1.0.0", Subject: subject},
			func(context.Context, events.Message) ([]byte, error) { calls.Add(1); return []byte("counts"), nil }))
		nc, err := nats.Connect(adminConfig.URL, nats.UserInfo("admin", "admin"))
		require.NoError(t, err)
		defer nc.Close()
		require.NoError(t, nc.PublishRequest(subject, "tenant.deleted.FORGED", nil))
		require.NoError(t, nc.Flush())
		answer, err := admin.Request(soon(t), events.Message{Subject: subject})
		require.NoError(t, err)
		require.Equal(t, "counts", string(answer.Body))
		require.EqualValues(t, 1, calls.Load(), "the forged request came first and was refused")
		_, err = admin.Last(t.Context(), events.StreamEvents, "tenant.deleted.FORGED")
		require.ErrorIs(t, err, bus.ErrNotFound)
	})
	t.Run("credentials that are refused end the wait", func(t *testing.T) {
		t.Parallel()
		wrong := ordersConfig
		wrong.Options = []nats.Option{nats.UserInfo("orders", "guess")}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := bus.Open(ctx, wrong)
		require.ErrorIs(t, err, bus.ErrClosed)
		require.ErrorIs(t, err, nats.ErrAuthorization)
	})
}
