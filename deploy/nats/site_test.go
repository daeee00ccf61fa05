package natsdeploy_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// patience is after which something will never happen.
const patience = 20 * time.Second

// site is a server that runs from the files of an installation, with keys and certificates of its own.
type site struct {
	t      *testing.T
	dir    string
	config string
	certs  natsdeploy.Certificates
	node   *embedded.Node
	log    *journal
}

// staff are the users of every site.
var staff = natsdeploy.Access{BreakGlass: true, Awaiters: []events.Participant{"shop"}, Downstream: []string{"billing"},
	Listeners:    []string{"board"},
	Participants: []events.Participant{"orders", "inventory"}, Requesters: []events.Participant{"crm"}}

// inboxes are what the clients of users are called.
var inboxes = map[string]string{"breakglass": "breakglass", "coordinator": "coordinator", "operator": "operator",
	"provisioner": "provisioner", "monitor": "monitor", "svc_orders": "orders", "svc_inventory": "inventory",
	"req_crm": "crm", "await_shop": "shop", "down_billing": "billing",
	"hear_board": "board"}

// newSite starts a server and provisions it. More is added to its configuration.
func newSite(t *testing.T, more string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), log: &journal{}}
	users, err := staff.Users()
	require.NoError(t, err)
	_, err = natsdeploy.MakeKeys(s.dir, users)
	require.NoError(t, err)
	s.certs, err = natsdeploy.MakeCertificates(filepath.Join(s.dir, "tls"), "127.0.0.1")
	require.NoError(t, err)
	node := filepath.Join(s.dir, "n1")
	s.config, err = natsdeploy.WriteNode(node, natsdeploy.Node{Name: "n1", Listen: "127.0.0.1:-1", Monitor: "127.0.0.1:-1",
		StoreDir: filepath.Join(node, "store"), StoreKey: "a key of a test", Certificates: s.certs}, s.accounts())
	require.NoError(t, err)
	text, err := os.ReadFile(s.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.config, append(text, more...), 0o600))
	s.node, err = embedded.StartNode(s.config, zerolog.New(s.log))
	require.NoError(t, err)
	t.Cleanup(s.node.Stop)
	_, err = natsdeploy.Apply(t.Context(), s.jetStream("provisioner"), natsdeploy.Topology{Participants: staff.Participants,
		Downstream: []natsdeploy.Subscriber{{Name: "billing"}}})
	require.NoError(t, err)
	return s
}

// accounts are those of everybody who has a key.
func (s *site) accounts() string {
	s.t.Helper()
	access, err := natsdeploy.ReadAccess(s.dir)
	require.NoError(s.t, err)
	text, err := access.Config()
	require.NoError(s.t, err)
	return text
}

// options are what a user shows; its seed may be another file's.
func (s *site) options(user, seedFile string) []nats.Option {
	s.t.Helper()
	key, err := nats.NkeyOptionFromSeed(seedFile)
	require.NoError(s.t, err)
	return []nats.Option{key, nats.RootCAs(s.certs.CA), nats.ClientCert(s.certs.ClientCert, s.certs.ClientKey),
		nats.CustomInboxPrefix("_INBOX_" + inboxes[user]), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})}
}

// connect is a connection that does what it is told, as an attacker's would.
func (s *site) connect(user string) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.node.ClientURL(), s.options(user, natsdeploy.SeedFile(s.dir, user))...)
	require.NoError(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

func (s *site) jetStream(user string) jetstream.JetStream {
	s.t.Helper()
	js, err := jetstream.NewWithAPIPrefix(s.connect(user), natsdeploy.APIPrefix)
	require.NoError(s.t, err)
	return js
}

// bus is what the user's program has.
func (s *site) bus(user string) *bus.JetStream {
	s.t.Helper()
	key, err := nats.NkeyOptionFromSeed(natsdeploy.SeedFile(s.dir, user))
	require.NoError(s.t, err)
	config := bus.Config{APIPrefix: natsdeploy.APIPrefix, Name: inboxes[user], URL: s.node.ClientURL(), Logger: zerolog.New(s.log),
		Options: []nats.Option{key, nats.RootCAs(s.certs.CA), nats.ClientCert(s.certs.ClientCert, s.certs.ClientKey)}}
	if user == natsdeploy.UserCoordinator {
		config.APIPrefix = ""
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	b, err := bus.Open(ctx, config)
	require.NoError(s.t, err)
	s.t.Cleanup(b.Close)
	return b
}

// journal keeps what the server and the buses log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// has reports whether a line has all of the words.
func (j *journal) has(words ...string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.SplitSeq(j.text.String(), "\n") {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

// violation reports whether the server logged that it denied an account a subject.
func (s *site) violation(account, verb, subject string) bool {
	return s.log.has(`\"`+account+`/nkey:`, fmt.Sprintf(`%s Violation - Subject \"%s\"`, verb, subject))
}
