package events_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
)

const patience = 30 * time.Second

// guarded starts a broker with the permission blocks of the page, each for the client that the line above it names, and
// returns how to connect as one of them, or as admin.
func guarded(t *testing.T) (as func(user string) *bus.JetStream) {
	t.Helper()
	config := fmt.Sprintf("host: 127.0.0.1\nport: -1\njetstream: { store_dir: %q, max_mem: 64MB, max_file: 16GB }\n"+
		"authorization: { users: [\n{ user: admin, password: admin }\n", t.TempDir())
	roles := regexp.MustCompile("(?s)\\(`([a-z]+)`\\):\n\n```conf\n(.*?)\n```").FindAllStringSubmatch(protocol(t), -1)
	require.Len(t, roles, 5)
	require.Len(t, roles, strings.Count(protocol(t), "```conf"))
	for _, role := range roles {
		config += fmt.Sprintf("{ user: %s, password: %s, %s }\n", role[1], role[1], role[2])
	}
	var options server.Options
	require.NoError(t, options.ProcessConfigString(config+"] }\n"))
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(&options)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("admin", "admin"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: []events.Participant{"orders", "inventory"},
		Downstream: []natsdeploy.Subscriber{{Name: "billing"}}})
	require.NoError(t, err)
	return func(user string) *bus.JetStream {
		b, err := bus.Open(t.Context(), bus.Config{URL: s.ClientURL(), Name: user, Options: []nats.Option{nats.UserInfo(user, user)}})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		return b
	}
}

// arrival waits for what a missing permission would keep away.
func arrival[T any](ctx context.Context, t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-ctx.Done():
		require.Fail(t, "nothing arrived")
	}
	return value
}

func announced() events.Event {
	return event(events.TypeDeleted, &events.Deleted{JobID: job, TenantID: "bakery-7", Generation: 1, Total: 3, SubmittedAt: at,
		CompletedAt: at, DeletedCounts: map[events.Participant]map[string]int64{"orders": {"orders": 3}}})
}

// The page promises each role that its block is enough; here each does all of its work with it.
func TestProtocolPermissions(t *testing.T) {
	t.Parallel()
	as := guarded(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	admin, orders, crm, shop, billing, board := as("admin"), as("orders"), as("crm"), as("shop"), as("billing"), as("board")

	t.Run("a participant takes a command, tells of its progress, answers, acknowledges, and serves previews", func(t *testing.T) {
		service := bus.Service{Name: events.ServiceName("orders"), Version: "1.0.0", Subject: events.PreviewSubject("orders")}
		require.NoError(t, orders.Serve(ctx, service, func(context.Context, events.Message) ([]byte, error) {
			return events.EncodePreview(events.Preview{TenantID: "bakery-7", ServiceName: "orders", Counts: map[string]int64{"orders": 3}})
		}))
		version, err := admin.Ping(ctx, service.Name)
		require.NoError(t, err)
		require.Equal(t, "1.0.0", version)
		answer, err := admin.Request(ctx, events.Message{Subject: service.Subject})
		require.NoError(t, err)
		_, err = events.DecodePreview(answer.Body)
		require.NoError(t, err)

		watched, taken := make(chan events.Message, 1), make(chan error, 1)
		require.NoError(t, admin.Watch(ctx, events.ProgressSubject("bakery-7"), func(m events.Message) { watched <- m }))
		progress := encoded(t, event(events.TypeProgress,
			&events.Progress{JobID: job, TenantID: "bakery-7", ServiceName: "orders", Attempt: 1}))
		result := func(of events.Participant) events.Message {
			return encoded(t, event(events.TypeResult, &events.Result{TenantID: "bakery-7", ServiceName: of, Success: true, JobID: job,
				DeletedCounts: map[string]int64{}, Errors: []events.Problem{}, Timestamp: at, Generation: 1, Attempt: 1, RequestID: "r"}))
		}
		mine := result("orders")
		consuming, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- orders.Consume(consuming, bus.Consumer{Stream: events.StreamEvents, Name: "orders"},
				func(ctx context.Context, _ []bus.Delivery) []error {
					_ = orders.Announce(ctx, progress)
					err := orders.Publish(ctx, mine)
					taken <- err
					return []error{err}
				})
		}()
		require.NoError(t, admin.Publish(ctx, encoded(t, event(events.TypeRequested, command("orders")))))
		require.NoError(t, arrival(ctx, t, taken))
		require.Equal(t, "tenant.deletion.progress.orders.bakery-7", arrival(ctx, t, watched).Subject)
		stop()
		require.NoError(t, arrival(ctx, t, ended))
		require.ErrorIs(t, orders.Publish(ctx, result("inventory")), bus.ErrPermission)
	})
	request := func(source events.Participant) events.Submitted {
		return events.Submitted{RequestID: "k", TenantID: "bakery-7", Source: source, Reason: "contract_ended", RequestedBy: "u"}
	}
	t.Run("an asker asks, and for itself only", func(t *testing.T) {
		_, err := client.Submit(ctx, crm, request("crm"))
		require.NoError(t, err)
		_, err = client.Submit(ctx, crm, request("shop"))
		require.ErrorIs(t, err, bus.ErrPermission)
	})
	t.Run("an asker waits for the end, a durable and a plain subscriber hear of it", func(t *testing.T) {
		heard, plain := make(chan events.TenantID, 1), make(chan events.Message, 1)
		require.NoError(t, board.Watch(ctx, events.SubjectDeletedPlain, func(m events.Message) { plain <- m }))
		subscribed, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- client.Deleted(subscribed, billing, "billing", func(_ context.Context, _ events.Event, d *events.Deleted) error {
				heard <- d.TenantID
				return nil
			}, client.Config{})
		}()
		_, err := client.Submit(ctx, shop, request("shop"))
		require.NoError(t, err)
		require.NoError(t, admin.Publish(ctx, encoded(t, announced())))
		ending, err := client.Await(ctx, shop, request("shop"), client.AwaitConfig{})
		require.NoError(t, err)
		require.EqualValues(t, 3, ending.Deleted.Total)
		require.EqualValues(t, "bakery-7", arrival(ctx, t, heard))
		_, _, err = client.Open(arrival(ctx, t, plain))
		require.NoError(t, err)
		stop()
		require.NoError(t, arrival(ctx, t, ended))
		require.ErrorIs(t, board.Publish(ctx, encoded(t, announced())), bus.ErrPermission)
		require.ErrorIs(t, billing.Publish(ctx, encoded(t, announced())), bus.ErrPermission)
	})
}
