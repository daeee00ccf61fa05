package erasectl

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// dev is a platform as erasectl dev runs it, on a folder of its own.
func dev(t *testing.T) (*app.Platform, typist) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tenant-deletion-test-") // not t.TempDir: PostgreSQL's own account has to reach it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the same
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitMax)
	defer cancel()
	p, err := app.StartPlatform(ctx, app.PlatformConfig{DataDir: dir, InstallPostgres: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(p.Stop(), os.RemoveAll(dir))) })
	return p, typist{env: map[string]string{"TD_DATA_DIR": dir, "ERASECTL_API": p.URL()}}
}

// The commands of the README work as typed after make dev: erasectl finds the platform's folder by itself.
func TestLocalPlatform(t *testing.T) {
	t.Parallel()
	p, who := dev(t)
	erasectl := func(args ...string) ran { return who.run(t.Context(), t, args...) }
	tenant := seed.TenantIDFor(1, 1)
	require.Equal(t, ran{app.ExitDone, "", "no jobs\n"}, erasectl("list"))
	counted := decoded[httpapi.Preview](t, erasectl("preview", string(tenant), "-o", "json"))
	require.True(t, counted.Complete)

	asked := erasectl("request", string(tenant), "--reason", "contract_ended", "--confirm", string(tenant), "--wait", "-o", "json")
	require.Equal(t, app.ExitDone, asked.code, asked.err)
	job := decoded[httpapi.Job](t, asked)
	require.Equal(t, saga.StateCompleted, job.State)
	require.Equal(t, "local", job.RequestedBy)
	require.Equal(t, app.ExitDone, erasectl("watch", string(job.JobID), "-o", "jsonl").code)

	t.Run("the actor is who the token says", func(t *testing.T) {
		named := erasectl("request", string(seed.TenantIDFor(1, 2)), "--reason", "trial_ended", "--grace", "1h", "--confirm",
			string(seed.TenantIDFor(1, 2)), "--actor", "user:7", "-o", "json")
		require.Equal(t, "user:7", decoded[httpapi.Job](t, named).RequestedBy)
	})
	t.Run("the API under another name of this machine is the same", func(t *testing.T) {
		require.Zero(t, erasectl("list", "--api", strings.Replace(p.URL(), "127.0.0.1", "localhost", 1)).code)
	})
	t.Run("without the folder nobody is let in", func(t *testing.T) {
		stranger := typist{env: map[string]string{"TD_DATA_DIR": t.TempDir(), "ERASECTL_API": p.URL()}}
		inOneLine(t, stranger.run(t.Context(), t, "list"), app.ExitAuth, "--token-file")
	})
	t.Run("its token is sent to no other port", func(t *testing.T) {
		heard := make(chan string, 1)
		w := newWorld(t, worldConfig{before: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				heard <- r.Header.Get("Authorization")
				next.ServeHTTP(w, r)
			})
		}})
		require.Zero(t, erasectl("list", "--api", w.url).code)
		require.Empty(t, <-heard)
	})
	t.Run("a minted token is what it says and no more", func(t *testing.T) {
		mint := func(flags ...string) string {
			made := erasectl(append([]string{"token"}, flags...)...)
			require.Equal(t, app.ExitDone, made.code, made.err)
			path := filepath.Join(t.TempDir(), "token")
			writeFile(t, path, made.out)
			return path
		}
		reads := mint("--role", "operator", "--scope", "deletions:read", "--ttl", "5m")
		require.Zero(t, erasectl("list", "--token-file", reads).code)
		inOneLine(t, erasectl("deadletters", "list", "--token-file", reads), app.ExitAuth, "403")
		require.Zero(t, erasectl("deadletters", "list", "--token-file", mint()).code)
		inOneLine(t, erasectl("list", "--token-file", mint("--role", "service", "--service", "orders")), app.ExitAuth, "403")
		inOneLine(t, erasectl("get", string(job.JobID), "--token-file",
			mint("--role", "owner", "--sub", "0d3a6b55-2222-4c1d-9e8f-7a6b5c4d3e2f")), app.ExitNotFound)
		broken := mint()
		text, err := os.ReadFile(broken)
		require.NoError(t, err)
		writeFile(t, broken, strings.TrimSpace(string(text))[:60])
		refused := erasectl("list", "--token-file", broken)
		inOneLine(t, refused, app.ExitAuth, "token is refused", "401")
		require.NotContains(t, refused.err, string(text)[:20])
	})
	t.Run("for programs it comes with its end", func(t *testing.T) {
		made := decoded[minted](t, erasectl("token", "--ttl", "10m", "-o", "json"))
		require.Len(t, strings.Split(made.Token, "."), 3)
		require.WithinDuration(t, time.Now().Add(10*time.Minute), made.ExpiresAt, time.Minute)
	})
	t.Run("a key that others may read is refused", func(t *testing.T) {
		require.NoError(t, os.Chmod(filepath.Join(who.env["TD_DATA_DIR"], "tokens.key"), 0o644)) //nolint:gosec // that is the point
		inOneLine(t, erasectl("list"), app.ExitAuth, "chmod 600")
		inOneLine(t, erasectl("token"), app.ExitUsage, "chmod 600")
	})
}

func TestTokenFlags(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		args []string
		says string
		code int
	}{
		"a folder without a platform":    {nil, "erasectl dev", app.ExitNotFound},
		"a role that is not there":       {[]string{"--role", "root"}, "admin, auditor", app.ExitUsage},
		"a scope that is not there":      {[]string{"--scope", "all"}, "deletions:read", app.ExitUsage},
		"an owner without a name":        {[]string{"--role", "owner"}, "--sub", app.ExitUsage},
		"an operator without a scope":    {[]string{"--role", "operator"}, "--scope", app.ExitUsage},
		"a service without a name":       {[]string{"--role", "service"}, "--service", app.ExitUsage},
		"a service's name alone":         {[]string{"--service", "orders"}, "--role service", app.ExitUsage},
		"a service that administers":     {[]string{"--role", "service,admin", "--service", "orders"}, "neither", app.ExitUsage},
		"a subject in prose":             {[]string{"--sub", "a b"}, "opaque id", app.ExitUsage},
		"a token for a year":             {[]string{"--ttl", "8760h"}, "--ttl", app.ExitUsage},
		"a token that has ended already": {[]string{"--ttl", "-1s"}, "--ttl", app.ExitUsage},
	} {
		t.Run(claim+" is refused", func(t *testing.T) {
			t.Parallel()
			who := typist{env: map[string]string{"TD_DATA_DIR": t.TempDir()}}
			inOneLine(t, who.run(t.Context(), t, append([]string{"token"}, c.args...)...), c.code, c.says)
		})
	}
}

// A token that is renewed while a command runs is used at once.
func TestTokenFileIsReadForEveryRequest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	writeFile(t, path, "first")
	var mu sync.Mutex
	var sent []string
	hears := httpapi.AuthoriserFunc(func(_ context.Context, a httpapi.Access) (httpapi.Caller, error) {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, a.Request.Header.Get("Authorization"))
		writeFile(t, path, "second")
		return httpapi.Caller{Subject: "user:7"}, nil
	})
	w := newWorld(t, worldConfig{authoriser: hears})
	w.bake("rye")
	require.Zero(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--wait", "--token-file", path).code)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, "Bearer first", sent[0])
	require.Equal(t, "Bearer second", sent[len(sent)-1])
	require.Greater(t, len(sent), 1)
}
