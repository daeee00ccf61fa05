package erasectl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{policy: saga.Policy{Grace: time.Hour}})
	empty := w.erasectl("list", "-o", "json")
	require.Equal(t, ran{app.ExitDone, "[]\n", ""}, empty)
	require.Equal(t, ran{app.ExitDone, "[]\n", ""}, w.erasectl("list", "-o", "yaml"))
	require.Equal(t, ran{app.ExitDone, "", ""}, w.erasectl("list", "-o", "jsonl"))
	require.Equal(t, ran{app.ExitDone, "", "no jobs\n"}, w.erasectl("list"))
	require.Equal(t, ran{app.ExitDone, "", "no dead letters\n"}, w.erasectl("deadletters", "list"))
	const jobs = 7
	for n := range jobs {
		tenant := fmt.Sprintf("tenant-%d", n)
		require.Zero(t, w.erasectl("request", tenant, "--reason", "trial_ended", "--confirm", tenant).code)
	}
	id := string(w.newest("tenant-3").ID)

	for _, list := range [][]string{{"list"}, {"participants"}, {"participants", "list"}, {"events", "list", id},
		{"deadletters", "list"}, {"context", "ls"}, {"get", id}, {"get", id, "--events"}, {"preview", "tenant-1"}, {"version"}} {
		t.Run(strings.Join(list, " ")+" is valid in every form", func(t *testing.T) {
			t.Parallel()
			asJSON := w.as(t.Context(), typist{}, append(list, "-o", "json")...)
			require.Equal(t, app.ExitDone, asJSON.code, asJSON.err)
			var fromJSON, fromYAML any
			require.NoError(t, json.Unmarshal([]byte(asJSON.out), &fromJSON))
			asYAML := w.as(t.Context(), typist{}, append(list, "-o", "yaml")...)
			require.NoError(t, yaml.Unmarshal([]byte(asYAML.out), &fromYAML))
			if list[0] != "preview" { // counted at another time
				require.JSONEq(t, asJSON.out, inJSON(t, fromYAML))
			}
			for _, line := range lines(w.as(t.Context(), typist{}, append(list, "-o", "jsonl")...).out) {
				require.True(t, json.Valid([]byte(line)), line)
			}
			table := w.as(t.Context(), typist{}, list...)
			require.Equal(t, app.ExitDone, table.code)
			require.NotContains(t, table.out+table.err, "\x1b", "no colours without a terminal")
		})
	}
	t.Run("limits and pages", func(t *testing.T) {
		t.Parallel()
		some := w.as(t.Context(), typist{}, "list", "--limit", "2", "-o", "json")
		require.Len(t, decoded[[]httpapi.Job](t, some), 2)
		require.Contains(t, some.err, "--all")
		all := w.as(t.Context(), typist{}, "list", "--all", "-o", "jsonl")
		require.Len(t, lines(all.out), jobs)
		require.Empty(t, all.err)
	})
	t.Run("filters are all sent", func(t *testing.T) {
		t.Parallel()
		match := w.as(t.Context(), typist{}, "list", "--state", "scheduled,failed", "--tenant", "tenant-2", "--blocked", "grace",
			"--source", "api", "--since", "1h", "--until", "2099-01-01", "-o", "json")
		require.Len(t, decoded[[]httpapi.Job](t, match), 1, match.err)
		for _, none := range [][]string{{"--state", "completed"}, {"--overdue"}, {"--failed-at", "orders"}, {"--request-id", "k"},
			{"--since", "2099-01-01"}, {"--until", "2020-01-01T00:00:00Z"}, {"--source", "crm"}, {"--blocked", "residue"}} {
			require.Equal(t, "[]\n", w.as(t.Context(), typist{}, append([]string{"list", "-o", "json"}, none...)...).out, none)
		}
	})
	t.Run("colours are for terminals, unless somebody says otherwise", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			who      typist
			flag     string
			coloured bool
		}{
			"a terminal":          {typist{terminal: true, env: map[string]string{"TERM": "xterm"}}, "auto", true},
			"a pipe":              {typist{}, "auto", false},
			"NO_COLOR":            {typist{terminal: true, env: map[string]string{"NO_COLOR": "1"}}, "auto", false},
			"a dumb terminal":     {typist{terminal: true, env: map[string]string{"TERM": "dumb"}}, "auto", false},
			"never":               {typist{terminal: true}, "never", false},
			"always, into a pipe": {typist{env: map[string]string{"NO_COLOR": "1"}}, "always", true},
		} {
			got := w.as(t.Context(), c.who, "list", "--color", c.flag)
			require.Equal(t, c.coloured, strings.Contains(got.out, "\x1b["), name)
		}
	})
	t.Run("live values are completed, and silently none when nobody answers", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, w.as(t.Context(), typist{}, "__complete", "get", "").out, id)
		require.Contains(t, w.as(t.Context(), typist{}, "__complete", "cancel", "").out, id)
		require.NotContains(t, w.as(t.Context(), typist{}, "__complete", "approve", "").out, id, "it does not wait for approval")
		require.Contains(t, w.as(t.Context(), typist{}, "__complete", "preview", "").out, "tenant-3")
		require.Contains(t, w.as(t.Context(), typist{}, "__complete", "replay", "--participant", "").out, "orders")
		dead := typist{}.run(t.Context(), t, "--api", "http://127.0.0.1:1", "__complete", "get", "")
		require.Equal(t, ":4\n", dead.out)
	})
}

func inJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
