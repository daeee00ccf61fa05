package e2e

import (
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// guard is a broker that lets in whom it knows.
type guard interface {
	URL() string
	As(user string) app.NATSAccess
}

// staff are the users of a guarded broker.
func staff() natsdeploy.Access {
	a := natsdeploy.Access{Awaiters: []events.Participant{"e2e"}, Downstream: []string{"e2e"}, Listeners: []string{"board"},
		Requesters: []events.Participant{"crm"}}
	for _, entry := range app.ReferenceRoster() {
		a.Participants = append(a.Participants, entry.Participant)
	}
	return a
}

func topology() natsdeploy.Topology {
	return natsdeploy.Topology{Participants: staff().Participants, Downstream: []natsdeploy.Subscriber{{Name: "e2e"}}}
}

// site is one server from the files of an installation, in this process.
type site struct {
	dir   string
	certs natsdeploy.Certificates
	node  *embedded.Node
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	users, err := staff().Users()
	require.NoError(t, err)
	_, err = natsdeploy.MakeKeys(s.dir, users)
	require.NoError(t, err)
	s.certs, err = natsdeploy.MakeCertificates(filepath.Join(s.dir, "tls"), "127.0.0.1")
	require.NoError(t, err)
	access, err := natsdeploy.ReadAccess(s.dir)
	require.NoError(t, err)
	accounts, err := access.Config()
	require.NoError(t, err)
	config, err := natsdeploy.WriteNode(filepath.Join(s.dir, "n1"), natsdeploy.Node{Name: "n1", Listen: "127.0.0.1:-1",
		Monitor: "127.0.0.1:-1", StoreDir: filepath.Join(s.dir, "store"), StoreKey: "a key of a test", Certificates: s.certs}, accounts)
	require.NoError(t, err)
	s.node, err = embedded.StartNode(config, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(s.node.Stop)
	provisioner := s.As("provisioner")
	options, err := provisioner.Options()
	require.NoError(t, err)
	nc, err := nats.Connect(s.URL(), append(options, nats.CustomInboxPrefix("_INBOX_provisioner"))...)
	require.NoError(t, err)
	defer nc.Close()
	js, err := provisioner.NewJetStream(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, topology())
	require.NoError(t, err)
	return s
}

// URL implements guard.
func (s *site) URL() string { return s.node.ClientURL() }

// As implements guard.
func (s *site) As(user string) app.NATSAccess {
	a := app.NATSAccess{CAFile: s.certs.CA, CertFile: s.certs.ClientCert, KeyFile: s.certs.ClientKey,
		SeedFile: natsdeploy.SeedFile(s.dir, user)}
	if user != natsdeploy.UserCoordinator {
		a.APIPrefix = natsdeploy.APIPrefix
	}
	return a
}

func (s *stack) natsURL() string {
	if s.guard != nil {
		return s.guard.URL()
	}
	return s.nats.ClientURL()
}

// shown is what a user shows the broker: nothing to the embedded one.
func (s *stack) shown(user string) app.NATSAccess {
	if s.guard == nil {
		return app.NATSAccess{}
	}
	return s.guard.As(user)
}

// connectAs opens the bus of a user of the guarded broker.
func (s *stack) connectAs(user, name string) *bus.JetStream {
	s.t.Helper()
	a := s.guard.As(user)
	options, err := a.Options()
	require.NoError(s.t, err)
	b, err := bus.Open(s.t.Context(), bus.Config{APIPrefix: a.APIPrefix, Name: name, Options: options, URL: s.guard.URL()})
	require.NoError(s.t, err)
	s.t.Cleanup(b.Close)
	return b
}

// rawAs connects as a user whose seed was stolen.
func (s *stack) rawAs(user, name string) *nats.Conn {
	s.t.Helper()
	options, err := s.guard.As(user).Options()
	require.NoError(s.t, err)
	nc, err := nats.Connect(s.guard.URL(), append(options, nats.CustomInboxPrefix("_INBOX_"+name), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
	require.NoError(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

func (s *stack) jetStreamAs(user string) jetstream.JetStream {
	s.t.Helper()
	js, err := s.guard.As(user).NewJetStream(s.rawAs(user, user))
	require.NoError(s.t, err)
	return js
}

// guardedEnv tells a program who it is on the guarded broker.
func (s *stack) guardedEnv(user string) []string {
	if s.guard == nil {
		return nil
	}
	a := s.guard.As(user)
	return []string{"NATS_URL=" + s.guard.URL(), "NATS_SEED_FILE=" + a.SeedFile, "NATS_CA=" + a.CAFile, "NATS_CERT=" + a.CertFile,
		"NATS_KEY=" + a.KeyFile, "NATS_API_PREFIX=" + a.APIPrefix}
}
