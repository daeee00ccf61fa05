package client_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// granted are the subjects that a page's section Permissions lists, for publishing and for subscribing.
func granted(t *testing.T, page string) *server.Permissions {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "## Permissions\n")
	require.True(t, ok)
	section = strings.NewReplacer("<source>", "crm", "<client name>", "crm").Replace(section)
	p := &server.Permissions{Publish: &server.SubjectPermission{}, Subscribe: &server.SubjectPermission{}}
	to := &p.Publish.Allow
	for len(section) > 0 {
		at := quoted.FindStringSubmatchIndex(section)
		if at == nil {
			break
		}
		words := strings.ToLower(section[:at[0]])
		if publish, subscribe := strings.LastIndex(words, "publish"), strings.LastIndex(words, "subscribe"); publish > subscribe {
			to = &p.Publish.Allow
		} else if subscribe > publish {
			to = &p.Subscribe.Allow
		}
		*to = append(*to, section[at[2]:at[3]])
		section = section[at[1]:]
	}
	return p
}

// What the pages grant is enough, and no more than that is granted here.
func TestPermissionsOfThePages(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir(), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 16 << 30,
		Users: []*server.User{
			{Username: "admin", Password: "admin"},
			{Username: "crm", Password: "crm", Permissions: granted(t, "publish.md")},
			{Username: "billing", Password: "billing", Permissions: granted(t, "subscribe.md")},
		}})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(patience))
	as := func(user string) *bus.JetStream {
		b, err := bus.Open(t.Context(), bus.Config{URL: s.ClientURL(), Name: user, Options: []nats.Option{nats.UserInfo(user, user)}})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		return b
	}
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("admin", "admin"))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "billing"}}})
	require.NoError(t, err)
	admin, crm, billing := as("admin"), as("crm"), as("billing")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	publish(t, admin, gone("t1", 1))
	place, err := client.Look(ctx, crm, "t1")
	require.NoError(t, err)
	require.EqualValues(t, 1, place)
	_, err = client.Submit(ctx, crm, request("k-1"))
	require.NoError(t, err)
	foreign := request("k-1")
	foreign.Source = "orders"
	_, err = client.Submit(ctx, crm, foreign)
	require.ErrorIs(t, err, bus.ErrPermission)
	require.False(t, client.Repeat(err))
	publish(t, admin, gone("t1", 2))
	ending, err := client.Await(ctx, crm, request("k-1"), client.AwaitConfig{After: place})
	require.NoError(t, err)
	require.Equal(t, 2, ending.Deleted.Generation)

	heard := make(chan int, 10)
	subscribed(t, billing, told(heard), client.Config{})
	require.Equal(t, []int{1, 2}, []int{receive(t, heard), receive(t, heard)})
	require.NoError(t, billing.Watch(ctx, events.SubjectDeletedPlain, func(events.Message) {}))
	_, err = client.Look(ctx, billing, "t1")
	require.ErrorIs(t, err, bus.ErrPermission)
	_, err = client.Await(ctx, billing, request("k-1"), client.AwaitConfig{})
	require.ErrorIs(t, err, bus.ErrPermission)
	require.ErrorIs(t, client.Deleted(ctx, billing, "ledger", told(heard), client.Config{}), bus.ErrPermission)
}
