// Package python holds the example in Python against the platform.
package python

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/example/strangertest"
)

func TestStranger(t *testing.T) {
	t.Parallel()
	need(t)
	strangertest.Run(t, open)
}

func TestContract(t *testing.T) {
	t.Parallel()
	need(t)
	out, err := exec.CommandContext(t.Context(), "python3", "contract_test.py", "../../../events/testdata").CombinedOutput()
	require.NoError(t, err, "%s", out)
	var seen int
	_, err = fmt.Sscanf(string(out), "%d hold", &seen)
	require.NoError(t, err, "%s", out)
	require.Greater(t, seen, 30, "the examples and vectors of events/testdata")
}

func need(t testing.TB) {
	t.Helper()
	_, err := exec.LookPath("python3")
	require.NoError(t, err, "no python3: make deps, or apt-get install python3 (Debian, Ubuntu; as root)")
}

func open(t testing.TB) strangertest.Stranger {
	database := filepath.Join(t.TempDir(), "tickets.sqlite")
	run := func(ctx context.Context, arguments ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "python3", append([]string{"tickets.py"}, arguments...)...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("tickets.py: %w: %s", err, out)
		}
		return strings.TrimSpace(string(out)), nil
	}
	service := func(t testing.TB, arguments ...string) string {
		t.Helper()
		out, err := run(t.Context(), arguments...)
		require.NoError(t, err)
		return out
	}
	return strangertest.Stranger{
		Participant: "helpdesk",
		Command: func(url string, trusted events.PublicKey) *exec.Cmd {
			return exec.Command("python3", "participant.py", "--nats-url", url, "--trusted-keys", string(trusted), "--database", database)
		},
		Seed: func(ctx context.Context, tenant events.TenantID) (counts map[string]int64, err error) {
			out, err := run(ctx, "seed", database, string(tenant))
			if err != nil {
				return nil, err
			}
			err = json.Unmarshal([]byte(out), &counts)
			return counts, err
		},
		Digest: func(t testing.TB, tenant events.TenantID) string {
			return service(t, "digest", database, string(tenant))
		},
		Recreate: func(t testing.TB, tenant events.TenantID) {
			service(t, "recreate", database, string(tenant))
		},
	}
}
