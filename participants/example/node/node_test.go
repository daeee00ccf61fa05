// Package node holds the example in Node.js against the platform.
package node

import (
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
	service := func(t testing.TB, arguments ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), node, append([]string{"reservations.mjs"}, arguments...)...)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
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
		Seed: func(t testing.TB, tenant events.TenantID) (counts map[string]int64) {
			require.NoError(t, json.Unmarshal([]byte(service(t, "seed", string(tenant))), &counts))
			return counts
		},
		Digest: func(t testing.TB, tenant events.TenantID) string { return service(t, "digest", string(tenant)) },
		// A venue that is made again is all that a tenant needs to begin again, and Seed makes it.
		Recreate: func(testing.TB, events.TenantID) {},
	}
}
