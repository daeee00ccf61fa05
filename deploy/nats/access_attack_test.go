package natsdeploy_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// A participant whose seed was stolen can answer for itself, and nothing else; what it tries is in the server's log, or in the
// stream under its own name.
func TestCompromisedParticipant(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	attacker, coordinator, inventory := s.connect("svc_orders"), s.bus("coordinator"), s.bus("svc_inventory")
	require.NoError(t, coordinator.Publish(ctx, message("tenant.deletion.requested.t1", "command")))
	before := stateOf(t, s)

	t.Run("publishes as others, for others, or to the API", func(t *testing.T) {
		for _, subject := range []string{"tenant.deletion.result.inventory.t1", "tenant.deleted.t1", "tenant.deletion.requested.t2",
			"tenant.deletion.replayed.orders.t1", "tenant.deletion.submitted.crm", "tenant.deletion.failed.t1",
			"tenant.deletion.progress.inventory.t1", "_INBOX_coordinator.x", "_INBOX_inventory.x", "_R_.abcdef.ghijkl",
			"TD.API.STREAM.PURGE.TD_EVENTS", "TD.API.STREAM.DELETE.TD_EVENTS", "TD.API.STREAM.MSG.DELETE.TD_EVENTS",
			"TD.API.STREAM.RESTORE.TD_EVENTS", "TD.API.STREAM.UPDATE.TD_EVENTS", "TD.API.CONSUMER.CREATE.TD_EVENTS.orders",
			"TD.API.CONSUMER.CREATE.TD_EVENTS.mine.tenant.deleted.t1", "TD.API.CONSUMER.DURABLE.CREATE.TD_EVENTS.mine",
			"TD.API.CONSUMER.DELETE.TD_EVENTS.inventory", "TD.API.CONSUMER.PAUSE.TD_EVENTS.inventory",
			"TD.API.CONSUMER.RESET.TD_EVENTS.inventory", "TD.API.CONSUMER.MSG.NEXT.TD_EVENTS.inventory",
			"TD.API.DIRECT.GET.TD_EVENTS", "TD.API.DIRECT.GET.TD_EVENTS.tenant.deletion.result.inventory.t1",
			"$JS.API.STREAM.PURGE.TD_EVENTS", "$JS.ACK.TD_EVENTS.inventory.1.1.1.1.0", "$JS.ACK._.HASH.TD_EVENTS.inventory.1.1.1.1.0",
			"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.inventory", "$SRV.PING.tenant-deletion-inventory",
			"$SYS.REQ.SERVER.PING"} {
			ask := func() error { return attacker.PublishRequest(subject, "_INBOX_orders.x", nil) }
			require.True(t, denied(t, attacker, subject, ask), subject)
			require.True(t, s.violation("SVC_ORDERS", "Publish", subject), "%s is not in the log", subject)
		}
		require.Equal(t, before, stateOf(t, s), "nothing was stored, deleted or made")
	})
	t.Run("listens to what others are sent", func(t *testing.T) {
		for _, subject := range []string{">", "_INBOX.>", "_INBOX_coordinator.>", "_INBOX_inventory.>", "_R_.>", "tenant.deletion.>",
			"tenant.deletion.requested.*", "tenant.deleted.*", "tenant.deletion.preview.inventory", "$JS.>", "$JS.ACK.>", "$SYS.>"} {
			require.True(t, denied(t, attacker, subject, func() error { _, err := attacker.SubscribeSync(subject); return err }), subject)
			line := `Subscription Violation - Subject \"` + subject + `\"`
			require.True(t, s.log.has(`\"SVC_ORDERS/nkey:`, line), "%s is not in the log", subject)
		}
	})
	t.Run("lets the server answer where it may not write itself", func(t *testing.T) {
		// Each of these requests is allowed; the reply subject is one that a single account would let the server write to.
		for request, reply := range map[string]string{
			"tenant.deletion.result.orders.t7":           "tenant.deleted.FORGED",
			"tenant.deletion.result.orders.t8":           "tenant.deletion.requested.FORGED",
			"TD.API.CONSUMER.INFO.TD_EVENTS.orders":      "tenant.deletion.cancelled.FORGED",
			"TD.API.CONSUMER.MSG.NEXT.TD_EVENTS.orders":  "tenant.deletion.result.inventory.FORGED",
			"$JS.ACK.TD_EVENTS.orders.1.1.1.1.0":         "tenant.deletion.failed.FORGED",
			"TD.API.DIRECT.GET.TD_EVENTS." + ownAnswered: "tenant.deletion.replayed.inventory.FORGED",
		} {
			require.NoError(t, attacker.PublishRequest(request, reply, []byte("null")))
		}
		require.NoError(t, attacker.FlushTimeout(patience))
		own := s.bus("svc_orders")
		require.NoError(t, own.Publish(ctx, message("tenant.deletion.result.orders.t9", "behind them all")))
		for _, forged := range []string{"tenant.deleted.FORGED", "tenant.deletion.requested.FORGED", "tenant.deletion.cancelled.FORGED",
			"tenant.deletion.result.inventory.FORGED", "tenant.deletion.failed.FORGED", "tenant.deletion.replayed.inventory.FORGED"} {
			_, err := coordinator.Last(ctx, events.StreamEvents, forged)
			require.ErrorIs(t, err, bus.ErrNotFound, forged)
		}
		trace, err := coordinator.Last(ctx, events.StreamEvents, "tenant.deletion.result.orders.t7")
		require.NoError(t, err)
		require.Equal(t, "null", string(trace.Body), "what it did is stored under its own name, and becomes a dead letter")
	})
	t.Run("takes the ids of what others will send", func(t *testing.T) {
		for id, later := range map[string]struct {
			by      *bus.JetStream
			subject string
		}{
			"gone":     {coordinator, "tenant.deleted.t5"},
			"answered": {inventory, "tenant.deletion.result.inventory.t5"},
			"asked":    {coordinator, "tenant.deletion.requested.t5"},
		} {
			forged := &nats.Msg{Subject: "tenant.deletion.result.orders.t5", Header: nats.Header{events.HeaderMsgID: {id}},
				Data: []byte("x")}
			_, err := attacker.RequestMsg(forged, patience)
			require.NoError(t, err)
			require.NoError(t, later.by.Publish(ctx, message(later.subject, id)))
			stored, err := coordinator.Last(ctx, events.StreamEvents, later.subject)
			require.NoError(t, err, "%s was kept out", later.subject)
			require.Equal(t, `"`+id+`"`, string(stored.Body))
			require.True(t, s.log.has("the id of a message is taken", later.subject), "no word of it in the log")
		}
	})
	t.Run("answers for others", func(t *testing.T) {
		micro := "tenant.deletion.preview.inventory"
		require.True(t, denied(t, attacker, micro, func() error { _, err := attacker.SubscribeSync(micro); return err }))
		_, err := coordinator.Request(ctx, events.Message{Subject: micro})
		require.ErrorIs(t, err, bus.ErrNoResponder)
	})
	t.Run("and its neighbour still gets its command", func(t *testing.T) {
		commands := consume(t, inventory, bus.Consumer{Stream: events.StreamEvents, Name: "inventory"})
		require.Equal(t, "tenant.deletion.requested.t1", receive(t, commands).Subject)
	})
}

const ownAnswered = "tenant.deletion.result.orders.t1"

// stateOf is what the streams and consumers are.
func stateOf(t *testing.T, s *site) map[string]any {
	t.Helper()
	js, state := s.jetStream("operator"), map[string]any{}
	for _, name := range []string{events.StreamIntake, events.StreamEvents, events.StreamDead} {
		stream, err := js.Stream(t.Context(), name)
		require.NoError(t, err)
		info := stream.CachedInfo()
		state[name] = []any{info.Config, info.State.Msgs, info.State.LastSeq, info.State.Consumers}
		lister := stream.ListConsumers(t.Context())
		for c := range lister.Info() {
			state[name+"/"+c.Name] = []any{c.Config, c.Delivered.Stream, c.AckFloor.Stream, c.Paused}
		}
		require.NoError(t, lister.Err())
	}
	return state
}

// The same for a requester, and for an operator, who may ask the server more than anybody else.
func TestCompromisedRequesterAndOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	coordinator := s.bus("coordinator")
	for user, requests := range map[string][]string{
		"req_crm":      {"tenant.deletion.submitted.crm"},
		"await_shop":   {"tenant.deletion.submitted.shop", "TD.API.STREAM.INFO.TD_EVENTS", "TD.API.DIRECT.GET.TD_EVENTS"},
		"operator":     {"TD.API.INFO", "TD.API.STREAM.LIST", "TD.API.CONSUMER.PAUSE.TD_EVENTS.orders", "TD.API.DIRECT.GET.TD_EVENTS"},
		"provisioner":  {"TD.API.INFO", "TD.API.STREAM.CREATE.X"},
		"down_billing": {"TD.API.CONSUMER.INFO.TD_EVENTS.downstream_billing", "TD.API.CONSUMER.MSG.NEXT.TD_EVENTS.downstream_billing"},
	} {
		nc := s.connect(user)
		for _, request := range requests {
			require.NoError(t, nc.PublishRequest(request, "tenant.deletion.requested.FORGED", []byte(`{"seq":1}`)))
			require.NoError(t, nc.PublishRequest(request, "tenant.deleted.FORGED", nil))
		}
		require.NoError(t, nc.FlushTimeout(patience))
		_, err := nc.Request(requests[0], nil, patience) // behind them all
		require.NoError(t, err)
		for _, forged := range []string{"tenant.deletion.requested.FORGED", "tenant.deleted.FORGED"} {
			_, err := coordinator.Last(ctx, events.StreamEvents, forged)
			require.ErrorIs(t, err, bus.ErrNotFound, user)
		}
		for _, subject := range []string{"tenant.deletion.requested.t1", "tenant.deleted.t1", "TD.API.STREAM.PURGE.TD_EVENTS"} {
			require.True(t, denied(t, nc, subject, func() error { return nc.Publish(subject, nil) }), "%s %s", user, subject)
		}
	}
	// Who may make a consumer has the server push what is stored to a subject of his choice: nobody but the provisioner may.
	for _, user := range []string{"operator", "await_shop", "down_billing", "svc_orders"} {
		js := s.jetStream(user)
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		mine := jetstream.ConsumerConfig{Name: "mine", FilterSubject: "tenant.deleted.*"}
		_, err := js.CreateConsumer(short, events.StreamEvents, mine)
		cancel()
		require.Error(t, err, user)
		require.True(t, s.violation(accounts[user], "Publish", "TD.API.CONSUMER.CREATE.TD_EVENTS.mine.tenant.deleted.*"), user)
	}
}

var accounts = map[string]string{"operator": "OPERATOR", "await_shop": "AWAIT_SHOP", "down_billing": "DOWN_BILLING",
	"svc_orders": "SVC_ORDERS"}

// What is terminated leaves an advisory, which the operator hears and a stream keeps.
func TestAdvisoriesReachTheOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	heard := make(chan events.Message, 10)
	require.NoError(t, s.bus("operator").Watch(ctx, "$JS.EVENT.ADVISORY.>", func(m events.Message) {
		select {
		case heard <- m:
		default:
		}
	}))
	coordinator, orders := s.bus("coordinator"), s.bus("svc_orders")
	consuming, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- orders.Consume(consuming, bus.Consumer{Stream: events.StreamEvents, Name: "orders"},
			func(context.Context, []bus.Delivery) []error { return []error{bus.Poison("not signed")} })
	}()
	require.NoError(t, coordinator.Publish(ctx, message("tenant.deletion.requested.t1", "unsigned")))
	dead := consume(t, coordinator, bus.Consumer{Stream: events.StreamDead, Name: events.ConsumerDead, BatchMax: 4})
	require.Contains(t, string(receive(t, dead).Body), "not signed")
	require.Contains(t, receive(t, heard).Subject, "$JS.EVENT.ADVISORY.")
	stop()
	require.NoError(t, receive(t, done))
}
