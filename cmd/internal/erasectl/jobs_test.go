package erasectl

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// inOneLine holds an error to its form: its code, one line, which says these words, and nothing on standard output.
func inOneLine(t *testing.T, got ran, code int, says ...string) {
	t.Helper()
	require.Equal(t, code, got.code, got.err)
	require.Empty(t, got.out)
	require.Len(t, lines(got.err), 1, got.err)
	require.NotContains(t, got.err, "\x1b")
	for _, word := range says {
		require.Contains(t, got.err, word)
	}
}

func decoded[T any](t *testing.T, got ran) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(got.out), &v), got.out)
	return v
}

func TestRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})

	t.Run("waits until the tenant is proven gone", func(t *testing.T) {
		t.Parallel()
		w.bake("rye", "neighbour")
		got := w.erasectl("request", "rye", "--reason", "contract_ended", "--key", "k1", "--confirm", "rye", "--wait", "-o", "json",
			"--actor", "alice")
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Empty(t, got.err)
		job := decoded[httpapi.Job](t, got)
		require.Equal(t, saga.StateCompleted, job.State)
		require.EqualValues(t, 4*breadCounts, job.Total)
		require.Equal(t, "alice", job.RequestedBy)
		require.Equal(t, "k1", job.RequestID)
		again := w.erasectl("request", "rye", "--reason", "contract_ended", "--key", "k1", "--confirm", "rye", "-o", "json",
			"--actor", "alice")
		require.Equal(t, job.JobID, decoded[httpapi.Job](t, again).JobID, "the same key is the same request")
		inOneLine(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--key", "k1", "--confirm", "rye", "--actor", "alice"),
			app.ExitConflict, "another --key")
		inOneLine(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--requested-by", "bob"),
			app.ExitAuth, "403")
		counts := decoded[httpapi.Preview](t, w.erasectl("preview", "neighbour", "-o", "json"))
		require.EqualValues(t, 4*breadCounts, counts.Total)
		require.True(t, counts.Complete)
	})
	t.Run("shows what goes and lets a person type the tenant id", func(t *testing.T) {
		t.Parallel()
		w.bake("spelt")
		got := w.as(t.Context(), typist{terminal: true, stdin: "spelt\n", env: map[string]string{"TERM": "dumb"}},
			"request", "spelt", "--reason", "contract_ended")
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Contains(t, got.err, "breads")
		require.Contains(t, got.err, "12 rows and files")
		require.Contains(t, got.err, "erasectl watch "+string(w.newest("spelt").ID))
		require.Contains(t, got.out, string(w.newest("spelt").ID))
	})
	t.Run("sends nothing when the typed id is another one", func(t *testing.T) {
		t.Parallel()
		w.bake("oats")
		got := w.as(t.Context(), typist{terminal: true, stdin: "oat\n"}, "request", "oats", "--reason", "contract_ended")
		require.Equal(t, app.ExitUsage, got.code)
		require.Contains(t, got.err, "nothing was sent")
		inOneLine(t, w.erasectl("request", "oats", "--reason", "contract_ended", "--confirm", "oat"), app.ExitUsage, "--confirm")
		inOneLine(t, w.erasectl("request", "oats", "--reason", "contract_ended"), app.ExitUsage, "--confirm oats")
		require.Equal(t, "no jobs\n", w.erasectl("list", "--tenant", "oats").err)
	})
	t.Run("asks for more care than the policy has", func(t *testing.T) {
		t.Parallel()
		got := w.erasectl("request", "barley", "--reason", "trial_ended", "--confirm", "barley", "--grace", "3d", "--approval",
			"--deadline", "10d", "--not-before", "2031-01-02T03:04:05Z", "-o", "json")
		require.Equal(t, app.ExitDone, got.code, got.err)
		job := decoded[httpapi.Job](t, got)
		require.Equal(t, &events.RequestPolicy{Approval: true, GraceSeconds: 259200, DeadlineSeconds: 864000}, job.Asked)
		require.Equal(t, time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC), job.NotBefore.UTC())
	})
	t.Run("an open job of the tenant is this one, and is said to be", func(t *testing.T) {
		t.Parallel()
		args := []string{"request", "millet", "--reason", "trial_ended", "--confirm", "millet", "--approval", "-o", "json"}
		first, second := w.erasectl(args...), w.erasectl(args...)
		require.Equal(t, decoded[httpapi.Job](t, first).JobID, decoded[httpapi.Job](t, second).JobID)
		require.Contains(t, second.err, "has an open job already")
	})
}

func TestWaitEndsAsTheJobDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{policy: saga.Policy{Approval: true}})
	for verb, state := range map[string]saga.State{"reject": saga.StateRejected, "cancel": saga.StateCancelled,
		"approve": saga.StateCompleted} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			tenant := "tenant-" + verb
			asked := decoded[httpapi.Job](t, w.as(t.Context(), typist{}, "request", tenant, "--reason", "trial_ended", "--confirm", tenant,
				"--actor", "alice", "-o", "json"))
			require.Equal(t, saga.StateAwaitingApproval, asked.State)
			ended := make(chan ran, 1)
			go func() { ended <- w.as(t.Context(), typist{}, "watch", string(asked.JobID), "-o", "jsonl") }()
			decided := w.as(t.Context(), typist{}, verb, string(asked.JobID), "--actor", "bob", "-o", "json")
			require.Equal(t, app.ExitDone, decided.code, decided.err)
			require.Equal(t, "bob", decoded[httpapi.Job](t, decided).DecidedBy)
			got := <-ended
			all := lines(got.out)
			require.Contains(t, all[len(all)-1], `"state":"`+string(state)+`"`)
			if state == saga.StateCompleted {
				require.Equal(t, app.ExitDone, got.code, got.err)
				inOneLine(t, w.as(t.Context(), typist{}, "cancel", string(asked.JobID)), app.ExitConflict, "completed")
				return
			}
			require.Equal(t, app.ExitEnded, got.code, got.err)
			require.Len(t, lines(got.err), 1)
			require.Contains(t, got.err, string(state))
		})
	}
	t.Run("whoever asked may not approve", func(t *testing.T) {
		t.Parallel()
		asked := decoded[httpapi.Job](t, w.erasectl("request", "poppy", "--reason", "trial_ended", "--confirm", "poppy",
			"--actor", "alice", "-o", "json"))
		inOneLine(t, w.erasectl("approve", string(asked.JobID), "--actor", "alice"), app.ExitConflict, "somebody else")
	})
	t.Run("a version that was looked at before is explained", func(t *testing.T) {
		t.Parallel()
		asked := decoded[httpapi.Job](t, w.erasectl("request", "sesame", "--reason", "trial_ended", "--confirm", "sesame",
			"-o", "json"))
		inOneLine(t, w.erasectl("cancel", string(asked.JobID), "--version", "99"), app.ExitConflict, "erasectl get")
		at := strconv.FormatInt(asked.Version, 10)
		require.Equal(t, app.ExitDone, w.erasectl("cancel", string(asked.JobID), "--version", at).code)
	})
}

func TestAJobThatChangesWhileItIsDecidedAbout(t *testing.T) {
	t.Parallel()
	var meanwhile atomic.Pointer[func()]
	w := newWorld(t, worldConfig{policy: saga.Policy{Approval: true}, before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if fn := meanwhile.Load(); fn != nil && r.Method == http.MethodPost {
				(*fn)()
			}
			next.ServeHTTP(out, r)
		})
	}})
	asked := decoded[httpapi.Job](t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "-o", "json"))
	change := func(state saga.State) {
		_, err := w.store.Update(t.Context(), saga.Change{Job: asked.JobID, Decide: func(j saga.Job) (saga.Decision, error) {
			j.Version++
			j.State = state
			return saga.Decision{Job: j, Changed: true, Entry: saga.Entry{Job: j.ID, Number: j.Version, At: time.Now(), Kind: "tick",
				State: j.State}}, nil
		}})
		require.NoError(t, err)
	}
	once := func(fn func()) *func() {
		done := false
		f := func() {
			if !done {
				done = true
				fn()
			}
		}
		return &f
	}
	meanwhile.Store(once(func() { change(saga.StateAwaitingApproval) }))
	got := w.erasectl("approve", string(asked.JobID), "--actor", "bob", "-o", "json")
	require.Equal(t, app.ExitDone, got.code, got.err)
	moved := decoded[httpapi.Job](t, got).State
	require.NotEqual(t, saga.StateAwaitingApproval, moved, "one that stands where it stood is tried again")

	other := decoded[httpapi.Job](t, w.erasectl("request", "spelt", "--reason", "trial_ended", "--confirm", "spelt", "-o", "json"))
	meanwhile.Store(once(func() { w.erasectl("reject", string(other.JobID), "--actor", "carol") }))
	inOneLine(t, w.erasectl("approve", string(other.JobID), "--actor", "bob"), app.ExitConflict, "has become rejected meanwhile")
}
