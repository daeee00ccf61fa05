package erasectl

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
)

// site is a folder of keys and the server that it is for.
type site struct {
	t      *testing.T
	dir    string
	config string
	url    string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	made := run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--participants", "orders,pos", "--requesters", "crm",
		"--downstream", "billing", "--certificates", "127.0.0.1", "-o", "json")
	require.Zero(t, made.code, made.err)
	return s
}

// as tells the command who types.
func (s *site) as(user string) typist {
	certs := natsdeploy.CertificatesIn(filepath.Join(s.dir, "tls"))
	return typist{env: map[string]string{"NATS_URL": s.url, "NATS_SEED_FILE": natsdeploy.SeedFile(s.dir, user), "NATS_CA": certs.CA,
		"NATS_CERT": certs.ClientCert, "NATS_KEY": certs.ClientKey, "NATS_API_PREFIX": natsdeploy.APIPrefix}}
}

// serve runs nats serve until the test ends.
func (s *site) serve() {
	s.t.Helper()
	accounts := run(s.t.Context(), s.t, "nats", "accounts", "--dir", s.dir)
	require.Zero(s.t, accounts.code, accounts.err)
	var err error
	s.config, err = natsdeploy.WriteNode(filepath.Join(s.dir, "n1"), natsdeploy.Node{Name: "n1", Listen: "127.0.0.1:-1",
		Monitor: "127.0.0.1:-1", StoreDir: filepath.Join(s.dir, "store"), StoreKey: "a key of a test",
		Certificates: natsdeploy.CertificatesIn(filepath.Join(s.dir, "tls"))}, accounts.out)
	require.NoError(s.t, err)
	url, ended := make(chan string, 1), make(chan ran, 1)
	ctx, cancel := context.WithCancel(context.Background())
	who := typist{onErr: func(text string) {
		var line struct{ Message, URL string }
		if json.Unmarshal([]byte(text), &line) == nil && line.URL != "" {
			url <- line.URL
		}
	}}
	go func() { ended <- who.run(ctx, s.t, "nats", "serve", "--config", s.config, "--log-level", "info") }()
	s.t.Cleanup(func() {
		cancel()
		require.Zero(s.t, (<-ended).code)
	})
	select {
	case s.url = <-url:
	case end := <-ended:
		ended <- end
		require.FailNow(s.t, "the server does not start", end.err)
	}
}

func TestNATSUnderKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	provisioner, operator, orders := s.as("provisioner"), s.as("operator"), s.as("svc_orders")

	inOneLine(t, orders.run(t.Context(), t, "nats", "apply", "--participants", "orders"), app.ExitAuth, "permission denied",
		"--nats-seed-file", "TD.API")
	wrong := s.as("svc_orders")
	wrong.env["NATS_SEED_FILE"] = filepath.Join(s.dir, "seeds", "none.seed")
	inOneLine(t, wrong.run(t.Context(), t, "nats", "diff"), app.ExitUsage, "--nats-seed-file")
	stranger := newSite(t).as("provisioner")
	stranger.env["NATS_URL"], stranger.env["NATS_CA"] = s.url, provisioner.env["NATS_CA"]
	stranger.env["NATS_CERT"], stranger.env["NATS_KEY"] = provisioner.env["NATS_CERT"], provisioner.env["NATS_KEY"]
	inOneLine(t, stranger.run(t.Context(), t, "nats", "diff"), app.ExitAuth, "does not know us", "--nats-seed-file")
	anonymous := typist{env: map[string]string{"NATS_URL": s.url}}
	inOneLine(t, anonymous.run(t.Context(), t, "nats", "diff"), app.ExitUnreachable, "--nats-ca")

	topology := []string{"--participants", "orders,pos", "--downstream", "billing"}
	applied := provisioner.run(t.Context(), t, append([]string{"nats", "apply"}, topology...)...)
	require.Zero(t, applied.code, applied.err)
	require.Zero(t, operator.run(t.Context(), t, append([]string{"nats", "diff"}, topology...)...).code)
	inOneLine(t, operator.run(t.Context(), t, "nats", "apply", "--participants", "orders,pos", "--downstream", "another"),
		app.ExitAuth,
		"CONSUMER.CREATE")
	healthy := operator.run(t.Context(), t, "doctor", "-o", "jsonl")
	for _, check := range []string{"NATS", "JetStream", "consumers' backlog", "dead letter stream"} {
		require.Contains(t, healthy.out, `{"check":"`+check+`","health":"ok"`)
	}
	denied := orders.run(t.Context(), t, "doctor", "--timeout", "1s", "-o", "jsonl")
	require.Equal(t, app.ExitFailed, denied.code)
	require.Contains(t, denied.out, "ermissions Violation")

	t.Run("a second server on the store is refused", func(t *testing.T) {
		inOneLine(t, run(t.Context(), t, "nats", "serve", "--config", s.config), app.ExitConflict, "in use")
	})
	t.Run("a context keeps what the broker is shown", func(t *testing.T) {
		who := typist{env: map[string]string{"ERASECTL_CONFIG": filepath.Join(t.TempDir(), "config.yaml")}}
		e := operator.env
		require.Zero(t, who.run(t.Context(), t, "context", "add", "site", "--nats-url", s.url, "--nats-seed-file", e["NATS_SEED_FILE"],
			"--nats-ca", e["NATS_CA"], "--nats-cert", e["NATS_CERT"], "--nats-key", e["NATS_KEY"], "--nats-api-prefix", "TD.API").code)
		require.Zero(t, who.run(t.Context(), t, append([]string{"nats", "diff"}, topology...)...).code)
	})
}

func TestNATSKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	accounts := func() string {
		got := run(t.Context(), t, "nats", "accounts", "--dir", s.dir)
		require.Zero(t, got.code, got.err)
		return got.out
	}
	before := accounts()
	require.Equal(t, 1, strings.Count(before, "{ # svc_orders"))
	require.NotRegexp(t, `\bSU[A-Z2-7]{20}`, before, "no seed")
	again := run(t.Context(), t, "nats", "keys", "--dir", s.dir)
	require.Zero(t, again.code, again.err)
	require.Equal(t, before, accounts(), "without names, what is there is all")

	more := run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--participants", "loyalty", "-o", "json")
	require.Len(t, decoded[[]keyed](t, more), 1)
	require.Contains(t, accounts(), "SVC_LOYALTY {")

	require.Zero(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--add", "svc_orders").code)
	require.Equal(t, 2, strings.Count(accounts(), "{ # svc_orders"), "both keys are valid")
	inOneLine(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--add", "svc_orders"), app.ExitConflict, "svc_orders",
		"retire")
	require.Zero(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--retire", "svc_orders").code)
	require.Equal(t, 1, strings.Count(accounts(), "{ # svc_orders"))
	inOneLine(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--retire", "svc_orders"), app.ExitConflict, "no second key")
	inOneLine(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--add", "svc_nobody"), app.ExitNotFound, "svc_nobody")
	inOneLine(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--add", "a", "--retire", "b"), app.ExitUsage, "one at a time")
	inOneLine(t, run(t.Context(), t, "nats", "keys", "--dir", s.dir, "--participants", "Orders"), app.ExitUsage, "lower-case")
	inOneLine(t, run(t.Context(), t, "nats", "keys"), app.ExitUsage, "--dir")
	inOneLine(t, run(t.Context(), t, "nats", "accounts"), app.ExitUsage, "--dir")
	inOneLine(t, run(t.Context(), t, "nats", "accounts", "--dir", t.TempDir()), app.ExitNotFound, "nats keys")
	inOneLine(t, run(t.Context(), t, "nats", "serve"), app.ExitUsage, "--config")
	inOneLine(t, run(t.Context(), t, "nats", "serve", "--config", filepath.Join(s.dir, "none.conf")), app.ExitFailed,
		"configuration")
	inOneLine(t, run(t.Context(), t, "nats", "cluster", "--port", "65000"), app.ExitUsage, "--port")

	to := filepath.Join(t.TempDir(), "accounts.conf")
	require.Zero(t, run(t.Context(), t, "nats", "accounts", "--dir", s.dir, "--to", to).code)
	written, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, accounts(), string(written))
}
