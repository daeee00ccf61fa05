package erasectl

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

// touched is a ledger whose tenants are made by a program: each file in the folder is one.
type touched struct {
	*participantstest.Memory
	dir string
}

// Preview takes the tenant's file first.
func (l touched) Preview(ctx context.Context, tenant events.TenantID) (participants.Counts, error) {
	if os.Remove(filepath.Join(l.dir, string(tenant))) == nil {
		l.Seed(tenant, 3)
	}
	return l.Memory.Preview(ctx, tenant)
}

// underTest is a broker with a participant on it, and the flags of a run against it.
func underTest(t *testing.T) []string {
	t.Helper()
	url, dir, seedFile := startNATS(t), t.TempDir(), filepath.Join(t.TempDir(), "seed")
	seed, err := events.NewSeed()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(seedFile, seed, 0o600))
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), streams(t, url), natsdeploy.Topology{Participants: []events.Participant{"shelves"}})
	require.NoError(t, err)
	runner, err := participants.New(participants.Service{Name: "shelves",
		Ledger: touched{participantstest.NewMemory("breads", "rolls"), dir}}, openTestBus(t, url),
		participants.Config{TrustedKeys: []events.PublicKey{signer.PublicKey()}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return []string{"conformance", "run", "--nats-url", url, "--participant", "shelves", "--signing-seed-file", seedFile,
		"--answer-timeout", "10s", "--tenant-form", "text", "--seed-command", "touch " + dir + "/{tenant}"}
}

func TestConformance(t *testing.T) {
	t.Parallel()

	t.Run("a participant that conforms ends with 0", func(t *testing.T) {
		t.Parallel()
		got := run(t.Context(), t, append(underTest(t), "-o", "json")...)
		require.Equal(t, app.ExitDone, got.code, got.err+got.out)
		var report conformance.Report
		require.NoError(t, json.Unmarshal([]byte(got.out), &report))
		require.Len(t, report.Verdicts, len(conformance.Clauses()))
		require.Zero(t, report.Count(conformance.Must, conformance.Fail))
		require.Empty(t, got.err)
	})
	t.Run("a MUST that fails ends with 8, and TAP says which", func(t *testing.T) {
		t.Parallel()
		args := append(underTest(t), "--tap", "--neighbour-command", "mktemp -u never-the-same-{tenant}-XXXXXXXX")
		got := run(t.Context(), t, args...)
		require.Equal(t, app.ExitNotProven, got.code, got.err)
		require.Len(t, lines(got.err), 1)
		require.Regexp(t, `(?m)^not ok \d+ - neighbours: `, got.out)
		require.Regexp(t, `(?m)^ok \d+ - crash: .* # SKIP `, got.out)
		require.Contains(t, got.out, "\n1..")
		require.Equal(t, 1, strings.Count(got.out, "not ok"))
	})
	t.Run("what is missing or wrong is a usage error before anything is sent", func(t *testing.T) {
		t.Parallel()
		good := underTest(t)
		for _, wrong := range [][]string{{"--participant", "NOT"}, {"--seed-command", ""}, {"--signing-seed-file", "/nowhere"},
			{"--tenant-form", "other"}, {"--tenant-template", "same"}, {"--crashes", "0"}} {
			got := run(t.Context(), t, append(append([]string{}, good...), wrong...)...)
			require.Equal(t, app.ExitUsage, got.code, "%v: %s", wrong, got.err)
			require.Contains(t, got.err, wrong[0])
		}
	})
	t.Run("a participant without a consumer is not found", func(t *testing.T) {
		t.Parallel()
		got := run(t.Context(), t, append(underTest(t), "--participant", "somebody")...)
		require.Equal(t, app.ExitNotFound, got.code, got.err)
	})
}
