// Package node holds the example in Node.js against the platform.
package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/example/strangertest"
)

func TestStranger(t *testing.T) {
	t.Parallel()
	need(t)
	strangertest.Run(t, open)
}

func TestContract(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), need(t), "contract_test.mjs", "../../../events/testdata").CombinedOutput()
	require.NoError(t, err, "%s", out)
	var seen int
	_, err = fmt.Sscanf(string(out), "%d hold", &seen)
	require.NoError(t, err, "%s", out)
	require.Greater(t, seen, 30, "the examples and vectors of events/testdata")
}

func TestLockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("package-lock.json")
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`, "npm install --omit-lockfile-registry-resolved")
}

// need is a Node.js that is new enough, with the example's packages beside it.
func need(t testing.TB) string {
	t.Helper()
	node, err := filepath.Abs("node_modules/.node")
	require.NoError(t, err)
	_, err = os.Stat(node)
	require.NoError(t, err, "the example's packages are missing: make deps")
	return node
}

func open(t testing.TB) strangertest.Stranger {
	node, database := need(t), pgtest.New(t).DSN("")
	run := func(ctx context.Context, arguments ...string) (string, error) {
		cmd := exec.CommandContext(ctx, node, append([]string{"reservations.mjs"}, arguments...)...)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("reservations.mjs: %w: %s", err, out)
		}
		return strings.TrimSpace(string(out)), nil
	}
	return strangertest.Stranger{
		Participant: "reservations",
		Command: func(url string, trusted events.PublicKey) *exec.Cmd {
			return exec.Command(node, "participant.mjs", "--nats-url", url, "--trusted-keys", string(trusted), "--database-url", database)
		},
		Ask: func(url string, tenant events.TenantID) *exec.Cmd {
			return exec.Command(node, "request.mjs", "--nats-url", url, string(tenant), "node:1")
		},
		Listen: func(url string, trusted events.PublicKey) *exec.Cmd {
			return exec.Command(node, "subscribe.mjs", "--nats-url", url, "--trusted-keys", string(trusted),
				"--name", strangertest.Downstream)
		},
		Seed: func(ctx context.Context, tenant events.TenantID) (counts map[string]int64, err error) {
			out, err := run(ctx, "seed", string(tenant))
			if err != nil {
				return nil, err
			}
			err = json.Unmarshal([]byte(out), &counts)
			return counts, err
		},
		Digest: func(t testing.TB, tenant events.TenantID) string {
			t.Helper()
			out, err := run(t.Context(), "digest", string(tenant))
			require.NoError(t, err)
			return out
		},
		// A venue that is made again is all that a tenant needs to begin again, and Seed makes it.
		Recreate: func(testing.TB, events.TenantID) {},
	}
}
