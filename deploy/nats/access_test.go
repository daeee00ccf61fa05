package natsdeploy_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

func busService(p events.Participant) bus.Service {
	return bus.Service{Name: events.ServiceName(p), Version: "1.0.0", Subject: events.PreviewSubject(p)}
}

func answerCounts(context.Context, events.Message) ([]byte, error) { return []byte("counts"), nil }

func message(subject, id string) events.Message {
	return events.Message{Subject: subject, Header: map[string]string{events.HeaderMsgID: id}, Body: []byte(`"` + id + `"`)}
}

// receive waits for what a missing permission would keep away.
func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		require.FailNow(t, "nothing arrived")
	}
	return v
}

// consume hands on what a consumer gets until the test ends.
func consume(t *testing.T, b *bus.JetStream, c bus.Consumer) <-chan bus.Delivery {
	t.Helper()
	got := make(chan bus.Delivery, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(ctx, c, func(_ context.Context, batch []bus.Delivery) []error {
			for _, d := range batch {
				got <- d
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, receive(t, done))
	})
	return got
}

// A deletion's messages find their way across accounts, whatever the form of acknowledgements.
func TestMessagesCrossAccounts(t *testing.T) {
	t.Parallel()
	for form, flag := range map[string]string{"acknowledgements of the first form": "false",
		"acknowledgements of the second form": "true"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "feature_flags { js_ack_fc_v2: "+flag+" }\n")
			inTheForm(t, s, flag == "true")
			crosses(t, s)
			info, err := s.jetStream("operator").Consumer(t.Context(), events.StreamEvents, "orders")
			require.NoError(t, err)
			require.Zero(t, info.CachedInfo().NumAckPending, "every acknowledgement arrived")
			require.NotZero(t, info.CachedInfo().AckFloor.Stream)
		})
	}
}

// inTheForm delivers and acknowledges one message, and looks at the subject of its acknowledgement.
func inTheForm(t *testing.T, s *site, second bool) {
	t.Helper()
	require.NoError(t, s.bus("coordinator").Publish(t.Context(), message("tenant.deletion.replayed.inventory.t9", "form")))
	consumer, err := s.jetStream("svc_inventory").Consumer(t.Context(), events.StreamEvents, "inventory")
	require.NoError(t, err)
	msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	require.Equal(t, second, !strings.HasPrefix(msg.Reply(), "$JS.ACK.TD_EVENTS."), msg.Reply())
	require.NoError(t, msg.DoubleAck(t.Context()))
	for _, tenant := range []string{"t9", "t8"} {
		more := message("tenant.deletion.replayed.inventory."+tenant, "more-"+tenant)
		require.NoError(t, s.bus("coordinator").Publish(t.Context(), more))
	}
	batch, err := consumer.Fetch(2, jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	got := 0
	for msg := range batch.Messages() {
		require.NoError(t, msg.DoubleAck(t.Context()))
		got++
	}
	require.Equal(t, 2, got, "one pull may have several answers")
}

func crosses(t *testing.T, s *site) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	coordinator, orders, crm, shop := s.bus("coordinator"), s.bus("svc_orders"), s.bus("req_crm"), s.bus("await_shop")
	operator, billing, board := s.bus("operator"), s.bus("down_billing"), s.bus("hear_board")
	heard := func(b *bus.JetStream, pattern string) <-chan events.Message {
		c := make(chan events.Message, 10)
		require.NoError(t, b.Watch(ctx, pattern, func(m events.Message) { c <- m }))
		return c
	}
	requests, progress, watched := heard(operator, "tenant.deletion.submitted.*"), heard(coordinator, events.ProgressSubject("t1")),
		heard(operator, events.ProgressSubject(""))
	awaited, plain := heard(shop, "tenant.deleted.t1"), heard(board, events.SubjectDeletedPlain)

	require.NoError(t, crm.Publish(ctx, message("tenant.deletion.submitted.crm", "ask")))
	require.Equal(t, "tenant.deletion.submitted.crm", receive(t, requests).Subject)
	intake := consume(t, coordinator, bus.Consumer{Stream: events.StreamIntake, Name: events.ConsumerIntake, BatchMax: 8})
	require.Equal(t, "tenant.deletion.submitted.crm", receive(t, intake).Subject)

	_, err := coordinator.Request(ctx, events.Message{Subject: events.PreviewSubject("orders")})
	require.ErrorIs(t, err, bus.ErrNoResponder, "nobody serves yet: that is known at once")
	require.NoError(t, orders.Serve(ctx, busService("orders"), answerCounts))
	answer, err := coordinator.Request(ctx, events.Message{Subject: events.PreviewSubject("orders")})
	require.NoError(t, err)
	require.Equal(t, "counts", string(answer.Body))
	for _, b := range []*bus.JetStream{coordinator, operator} {
		version, err := b.Ping(ctx, events.ServiceName("orders"))
		require.NoError(t, err)
		require.Equal(t, "1.0.0", version)
		_, err = b.Ping(ctx, events.ServiceName("inventory"))
		require.ErrorIs(t, err, bus.ErrNoResponder)
	}

	commands := consume(t, orders, bus.Consumer{Stream: events.StreamEvents, Name: "orders", Workers: 2})
	results := consume(t, coordinator, bus.Consumer{Stream: events.StreamEvents, Name: events.ConsumerResults, BatchMax: 8})
	require.NoError(t, coordinator.Publish(ctx, message("tenant.deletion.requested.t1", "command")))
	require.Equal(t, "tenant.deletion.requested.t1", receive(t, commands).Subject)
	require.NoError(t, coordinator.Publish(ctx, message("tenant.deletion.replayed.orders.t1", "again")))
	require.Equal(t, "tenant.deletion.replayed.orders.t1", receive(t, commands).Subject)
	require.NoError(t, orders.Announce(ctx, message("tenant.deletion.progress.orders.t1", "half")))
	receive(t, progress)
	receive(t, watched)
	result := message("tenant.deletion.result.orders.t1", "result")
	require.NoError(t, orders.Publish(ctx, result))
	require.NoError(t, orders.Publish(ctx, result), "its own repeat")
	require.Equal(t, result.Subject, receive(t, results).Subject)

	require.NoError(t, coordinator.Publish(ctx, message("tenant.deleted.t1", "gone")))
	downstream := consume(t, billing, bus.Consumer{Stream: events.StreamEvents, Name: "downstream_billing"})
	require.Equal(t, "tenant.deleted.t1", receive(t, downstream).Subject)
	require.Equal(t, "tenant.deleted.t1", receive(t, awaited).Subject)
	require.Equal(t, events.SubjectDeletedPlain, receive(t, plain).Subject)
	stored, err := shop.Last(ctx, events.StreamEvents, "tenant.deleted.t1")
	require.NoError(t, err)
	require.EqualValues(t, 7, stored.Sequence, "what was repeated is stored once")
	tailed := make(chan string, 10)
	tail, end := context.WithCancel(ctx)
	defer end()
	require.NoError(t, operator.Tail(tail, events.StreamEvents, []string{"tenant.deleted.*", "tenant.deletion.result.*.*"},
		time.Unix(1, 0),
		func(m bus.Stored) error {
			if tailed <- m.Subject; len(tailed) == 2 {
				end()
			}
			return nil
		}))
	require.Equal(t, []string{"tenant.deletion.result.orders.t1", "tenant.deleted.t1"}, []string{<-tailed, <-tailed})
}

// What an account does not grant reaches who tried as a permission error that names the subject, and not as a timeout.
func TestDenialsCrossAccounts(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // far below the timeout of any call
	t.Cleanup(cancel)
	orders, crm := s.bus("svc_orders"), s.bus("req_crm")
	nothing := func(context.Context, []bus.Delivery) []error { return nil }
	for what, c := range map[string]struct {
		err     error
		subject string
	}{
		"publish": {orders.Publish(ctx, message("tenant.deletion.result.inventory.t1", "x")), "tenant.deletion.result.inventory.t1"},
		"consume": {orders.Consume(ctx, bus.Consumer{Stream: events.StreamEvents, Name: "inventory"}, nothing),
			"TD.API.CONSUMER.INFO.TD_EVENTS.inventory"},
		"watch":  {orders.Watch(ctx, "tenant.deletion.>", func(events.Message) {}), "tenant.deletion.>"},
		"serve":  {orders.Serve(ctx, busService("inventory"), answerCounts), "tenant.deletion.preview.inventory"},
		"tail":   {orders.Tail(ctx, events.StreamEvents, nil, time.Time{}, nil), "TD.API.STREAM.INFO.TD_EVENTS"},
		"submit": {crm.Publish(ctx, message("tenant.deletion.submitted.shop", "x")), "tenant.deletion.submitted.shop"},
	} {
		require.ErrorIs(t, c.err, bus.ErrPermission, what)
		require.ErrorContains(t, c.err, c.subject, what)
	}
	_, err := orders.Request(ctx, events.Message{Subject: "tenant.deletion.preview.inventory"})
	require.ErrorIs(t, err, bus.ErrPermission)
	_, err = orders.Last(ctx, events.StreamEvents, "tenant.deleted.t1")
	require.ErrorIs(t, err, bus.ErrPermission)
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	accounts := filepath.Join(filepath.Dir(s.config), "accounts.conf")
	reload := func() {
		t.Helper()
		require.NoError(t, natsdeploy.WriteAccounts(accounts, s.accounts()))
		require.NoError(t, s.node.Reload())
	}
	dial := func(seedFile string) (*nats.Conn, error) {
		return nats.Connect(s.node.ClientURL(), append(s.options("svc_orders", seedFile), nats.NoReconnect())...)
	}
	first := natsdeploy.SeedFile(s.dir, "svc_orders")
	old, err := dial(first)
	require.NoError(t, err)
	defer old.Close()

	second, err := natsdeploy.AddKey(s.dir, "svc_orders")
	require.NoError(t, err)
	_, err = natsdeploy.AddKey(s.dir, "svc_orders")
	require.ErrorIs(t, err, natsdeploy.ErrRotating)
	_, err = dial(second)
	require.ErrorIs(t, err, nats.ErrAuthorization, "before the reload nobody knows it")
	reload()
	require.True(t, old.IsConnected(), "a reload disturbs nobody whose key stays")
	fresh, err := dial(second)
	require.NoError(t, err)
	defer fresh.Close()
	also, err := dial(first)
	require.NoError(t, err, "both are valid")
	also.Close()

	seed, err := os.ReadFile(second)
	require.NoError(t, err)
	require.NoError(t, natsdeploy.RetireKey(s.dir, "svc_orders"))
	require.ErrorIs(t, natsdeploy.RetireKey(s.dir, "svc_orders"), natsdeploy.ErrNotRotating)
	moved, err := os.ReadFile(first)
	require.NoError(t, err)
	require.Equal(t, seed, moved, "the new seed has the old one's name")
	closed := make(chan struct{})
	old.SetClosedHandler(func(*nats.Conn) { close(closed) })
	reload()
	receive(t, closed)
	require.True(t, fresh.IsConnected())
	again, err := dial(first)
	require.NoError(t, err)
	again.Close()

	require.NoError(t, os.Remove(filepath.Join(s.dir, "public", "svc_orders.pub")))
	reload()
	_, err = dial(first)
	require.ErrorIs(t, err, nats.ErrAuthorization, "who has no key is not on the broker")
}

func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	seen := s.connect("svc_orders")
	serial := func(nc *nats.Conn) string {
		state, err := nc.TLSConnectionState()
		require.NoError(t, err)
		require.EqualValues(t, 0x0304, state.Version, "TLS 1.3")
		return state.PeerCertificates[0].SerialNumber.String()
	}
	before := serial(seen)
	_, err := natsdeploy.MakeCertificates(filepath.Join(s.dir, "tls"), "127.0.0.1")
	require.NoError(t, err)
	require.NoError(t, s.node.Reload())
	require.NotEqual(t, before, serial(s.connect("svc_orders")))
	require.True(t, seen.IsConnected())

	t.Run("without a certificate nobody is let in", func(t *testing.T) {
		key, err := nats.NkeyOptionFromSeed(natsdeploy.SeedFile(s.dir, "svc_orders"))
		require.NoError(t, err)
		_, err = nats.Connect(s.node.ClientURL(), key, nats.RootCAs(s.certs.CA))
		require.Error(t, err)
		_, err = nats.Connect(strings.Replace(s.node.ClientURL(), "tls://", "nats://", 1), key)
		require.Error(t, err)
	})
	t.Run("without a key nobody is let in", func(t *testing.T) {
		_, err := nats.Connect(s.node.ClientURL(), nats.RootCAs(s.certs.CA), nats.ClientCert(s.certs.ClientCert, s.certs.ClientKey))
		require.ErrorIs(t, err, nats.ErrAuthorization)
	})
}

// Who breaks the glass may do what nobody else may; without its key there is no such user.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	js, err := jetstream.New(s.connect("breakglass"))
	require.NoError(t, err)
	require.NoError(t, js.DeleteConsumer(t.Context(), events.StreamEvents, "inventory"))
	require.NoError(t, js.DeleteStream(t.Context(), events.StreamDead))
	a, err := natsdeploy.AccessOf([]string{"svc_orders"})
	require.NoError(t, err)
	users, err := a.Users()
	require.NoError(t, err)
	require.NotContains(t, users, natsdeploy.UserBreakGlass)
}

// What is stored cannot be read on disk, and survives a new key.
func TestStoreIsEncrypted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	secret := message("tenant.deletion.requested.t1", "who-is-deleted")
	require.NoError(t, s.bus("coordinator").Publish(t.Context(), secret))
	onDisk := func() (found bool) {
		require.NoError(t, filepath.WalkDir(filepath.Join(s.dir, "n1", "store"), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			found = found || bytes.Contains(content, secret.Body)
			return err
		}))
		return found
	}
	edit := func(path, old, fresh string) {
		t.Helper()
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(text), old)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), old, fresh, 1)), 0o600))
	}
	again := func(change func()) {
		t.Helper()
		s.node.Stop()
		require.False(t, onDisk())
		change()
		var err error
		s.node, err = embedded.StartNode(s.config, zerolog.New(s.log))
		require.NoError(t, err)
		t.Cleanup(s.node.Stop)
		stored, err := s.bus("coordinator").Last(t.Context(), events.StreamEvents, secret.Subject)
		require.NoError(t, err)
		require.Equal(t, secret.Body, stored.Body)
	}
	const key, both = "key: $TD_STORE_KEY", "key: \"the next key\"\n  prev_encryption_key: $TD_STORE_KEY"
	again(func() { edit(s.config, key, both) })
	again(func() { // the next key is the key, and the old one is gone
		edit(s.config, both, key)
		edit(filepath.Join(filepath.Dir(s.config), "node.conf"), "a key of a test", "the next key")
	})
}

func TestAccessRefuses(t *testing.T) {
	t.Parallel()
	for what, a := range map[string]natsdeploy.Access{
		"a participant that is no name": {Participants: []events.Participant{"Orders"}},
		"the coordinator's consumer":    {Participants: []events.Participant{"coordinator_results"}},
		"a subscriber's consumer":       {Participants: []events.Participant{"downstream_billing"}},
		"a requester that is no name":   {Requesters: []events.Participant{"a.b"}},
		"a subscriber that is no name":  {Downstream: []string{"b >"}},
		"a name given twice":            {Listeners: []string{"a", "a"}},
	} {
		_, err := a.Users()
		require.Error(t, err, what)
	}
	_, err := natsdeploy.AccessOf([]string{"svc_orders", "stranger"})
	require.ErrorContains(t, err, "stranger")
	users, err := staff.Users()
	require.NoError(t, err)
	for what, keys := range map[string][]string{"no key": nil, "three keys": {"$A", "$B", "$C"},
		"a seed":       {"SUAKCUMEEVFGAUXXZZJ7KAPLEDPPLH4D7ORVORQK2EKOJGFJNNCTVQ6AVE"},
		"an injection": {"$A } }"}} {
		a := staff
		a.Keys = map[string][]string{}
		for _, user := range users {
			a.Keys[user] = []string{"$KEY"}
		}
		a.Keys["svc_orders"] = keys
		_, err := a.Config()
		require.ErrorIs(t, err, natsdeploy.ErrKeys, what)
		require.ErrorContains(t, err, "svc_orders", what)
	}
}

func TestKeysAreSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, err := natsdeploy.MakeKeys(dir, []string{"svc_orders", "coordinator"})
	require.NoError(t, err)
	require.Equal(t, []string{"svc_orders", "coordinator"}, made)
	before, err := os.ReadFile(natsdeploy.SeedFile(dir, "svc_orders"))
	require.NoError(t, err)
	made, err = natsdeploy.MakeKeys(dir, []string{"svc_orders", "coordinator", "svc_pos"})
	require.NoError(t, err)
	require.Equal(t, []string{"svc_pos"}, made, "what is there stays")
	after, err := os.ReadFile(natsdeploy.SeedFile(dir, "svc_orders"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	info, err := os.Stat(natsdeploy.SeedFile(dir, "svc_orders"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "public", "svc_pos.pub"), []byte("nonsense\n"), 0o600))
	_, err = natsdeploy.ReadAccess(dir)
	require.ErrorIs(t, err, natsdeploy.ErrKeys)
}
