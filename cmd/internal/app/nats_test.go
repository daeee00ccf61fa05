package app

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

var update = flag.Bool("update", false, "rewrite deploy/nats/server/accounts.conf; read the diff")

// The accounts of the reference platform are in the repository, so that a change of permissions is a diff that somebody reads.
// Its keys are variables: whoever can read the repository has none of them.
func TestReferenceAccounts(t *testing.T) {
	t.Parallel()
	a := natsdeploy.Access{Awaiters: []events.Participant{"crm"}, Downstream: []string{"billing"}, Listeners: []string{"board"},
		Requesters: []events.Participant{"tenants"}, Keys: map[string][]string{}}
	for _, entry := range ReferenceRoster() {
		a.Participants = append(a.Participants, entry.Participant)
	}
	users, err := a.Users()
	require.NoError(t, err)
	variables := ""
	for _, user := range users {
		name := "NK_" + strings.ToUpper(user)
		a.Keys[user] = []string{"$" + name}
		pair, err := nkeys.CreateUser()
		require.NoError(t, err)
		public, err := pair.PublicKey()
		require.NoError(t, err)
		variables += fmt.Sprintf("%s: %s\n", name, public)
	}
	text, err := a.Config()
	require.NoError(t, err)
	golden := filepath.Join("..", "..", "..", "deploy", "nats", "server", "accounts.conf")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "go test ./cmd/internal/app -run ReferenceAccounts -update writes it; read the diff")

	var options natsserver.Options
	require.NoError(t, options.ProcessConfigString(variables+text), "the server takes it")
	require.Len(t, options.Accounts, len(users), "an account for each")
}

func TestNATSAccess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := natsdeploy.MakeKeys(dir, []string{"svc_orders"})
	require.NoError(t, err)
	certs, err := natsdeploy.MakeCertificates(filepath.Join(dir, "tls"), "127.0.0.1")
	require.NoError(t, err)
	seed := natsdeploy.SeedFile(dir, "svc_orders")
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	read, err := os.ReadFile(seed)
	require.NoError(t, err)

	t.Run("takes a seed, a certificate and an authority", func(t *testing.T) {
		t.Parallel()
		options, err := NATSAccess{SeedFile: seed, CAFile: certs.CA, CertFile: certs.ClientCert, KeyFile: certs.ClientKey}.Options()
		require.NoError(t, err)
		require.Len(t, options, 4)
		none, err := NATSAccess{}.Options()
		require.NoError(t, err)
		require.Empty(t, none)
	})
	for claim, c := range map[string]struct {
		access NATSAccess
		says   string
	}{
		"a seed that is not there":        {NATSAccess{SeedFile: filepath.Join(dir, "none")}, "--nats-seed-file"},
		"a seed that others may read":     {NATSAccess{SeedFile: file("open.seed", string(read), 0o644)}, "chmod 600"},
		"a file that is no seed":          {NATSAccess{SeedFile: file("no.seed", "nonsense", 0o600)}, "erasectl nats keys"},
		"a certificate without its key":   {NATSAccess{CertFile: certs.ClientCert}, "both or none"},
		"a key that is another's":         {NATSAccess{CertFile: certs.ClientCert, KeyFile: certs.ServerKey}, "--nats-cert"},
		"an authority that is not there":  {NATSAccess{CAFile: filepath.Join(dir, "none")}, "--nats-ca"},
		"a folder where a seed should be": {NATSAccess{SeedFile: dir}, "--nats-seed-file"},
		"a key that others may read": {NATSAccess{CertFile: certs.ClientCert, KeyFile: file("open.key", "x", 0o644)},
			"chmod 600"},
		"a certificate that is not a file": {NATSAccess{CertFile: filepath.Join(dir, "none"), KeyFile: certs.ClientKey}, "--nats-cert"},
	} {
		t.Run("refuses "+claim, func(t *testing.T) {
			t.Parallel()
			_, err := c.access.Options()
			require.ErrorContains(t, err, c.says)
			require.Equal(t, ExitUsage, ExitCodeOf(err))
			require.NotContains(t, err.Error(), strings.TrimSpace(string(read)))
		})
	}
}
