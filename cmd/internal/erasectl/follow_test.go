package erasectl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// cutter is a proxy in front of the API that breaks live streams.
type cutter struct {
	next http.Handler
	// messagesMax is after how many messages a stream breaks; 0 refuses streams altogether.
	messagesMax int
	streams     atomic.Int64
	begun       func(stream int64)
	forgets     bool     // that Last-Event-ID was asked for
	resumed     sync.Map // Last-Event-ID that were asked for
}

// ServeHTTP implements http.Handler.
func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/live") {
		c.next.ServeHTTP(w, r)
		return
	}
	c.begun(c.streams.Add(1))
	c.resumed.Store(r.Header.Get("Last-Event-ID"), true)
	if c.forgets {
		r.Header.Del("Last-Event-ID")
	}
	if c.messagesMax == 0 {
		http.Error(w, "no streams here", http.StatusBadGateway)
		return
	}
	c.next.ServeHTTP(&cutWriter{ResponseWriter: w, left: c.messagesMax}, r)
}

// cutWriter drops the connection after some messages.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	if bytes.Contains(p, []byte("data:")) {
		if w.left--; w.left <= 0 {
			_ = http.NewResponseController(w.ResponseWriter).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	return n, err
}

func (w *cutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// numbers are those of the entries that were told.
func numbers(t *testing.T, out string) (all []int64) {
	t.Helper()
	for _, line := range lines(out) {
		var told struct {
			Event string `json:"event"`
			Data  struct {
				Number int64 `json:"number"`
			} `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &told), line)
		if told.Event == tellsEntry {
			all = append(all, told.Data.Number)
		}
	}
	return all
}

func TestWatchTellsEveryEntryOnce(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]*cutter{
		"when streams break after a message":      {messagesMax: 1},
		"when streams break after two":            {messagesMax: 2},
		"when a proxy forgets where a stream was": {messagesMax: 2, forgets: true},
		"when there are no streams":               {messagesMax: 0},
		"when nothing breaks":                     {messagesMax: 1000},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldConfig{before: func(next http.Handler) http.Handler {
				c.next = next
				return c
			}})
			w.bake("rye")
			release := w.ledgers["orders"].hold()
			c.begun = func(stream int64) {
				if c.messagesMax != 1 || stream == 2 { // the job has but one entry until then
					release()
				}
			}
			asked := decoded[httpapi.Job](t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "-o", "json"))
			got := w.erasectl("watch", string(asked.JobID), "-o", "jsonl")
			require.Equal(t, app.ExitDone, got.code, got.err)
			job := w.newest("rye")
			var want []int64
			for n := int64(1); n <= job.Version; n++ {
				want = append(want, n)
			}
			require.Equal(t, want, numbers(t, got.out))
			if c.messagesMax == 1 {
				require.Greater(t, c.streams.Load(), int64(1))
				resumed := 0
				c.resumed.Range(func(after, _ any) bool {
					if after != "" {
						resumed++
					}
					return true
				})
				require.NotZero(t, resumed, "a broken stream goes on after the last entry")
			}
			rest := w.erasectl("watch", string(asked.JobID), "--after", "2", "-o", "jsonl")
			require.Equal(t, want[2:], numbers(t, rest.out))
			table := w.erasectl("watch", string(asked.JobID))
			require.Len(t, lines(table.out), len(want)+1)
			require.Contains(t, table.out, "tenant rye is gone: 12 rows and files, 2 participants")
		})
	}
}

func TestWaitsThatEndEarly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	release := w.ledgers["orders"].hold()
	t.Cleanup(release)
	w.bake("rye")

	t.Run("a wait that is over says how to go on", func(t *testing.T) {
		got := w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--wait", "--timeout", "200ms")
		inOneLine(t, got, app.ExitTimeout, "erasectl watch "+string(w.newest("rye").ID), "--api "+w.url, "deleting")
		again := w.erasectl("retry", string(w.newest("rye").ID), "--timeout", "1s")
		require.Equal(t, app.ExitConflict, again.code, "nobody has failed")
	})
	t.Run("an interrupt detaches, and the job goes on", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		id := string(w.newest("rye").ID)
		got := w.as(ctx, typist{onOut: func(string) { cancel(errors.New("interrupt")) }}, "watch", id)
		require.Equal(t, app.ExitInterrupted, got.code)
		require.Len(t, lines(got.err), 1)
		require.Contains(t, got.err, "erasectl watch "+id)
		require.Contains(t, got.err, "--after 1")
		require.Equal(t, saga.StateDeleting, w.newest("rye").State)
	})
	t.Run("an interrupt at the question sends nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		got := w.as(ctx, typist{terminal: true, stdin: strings.Repeat("x", 10), env: map[string]string{"TERM": "dumb"},
			onErr: func(text string) {
				if strings.Contains(text, "to confirm") {
					cancel(errors.New("interrupt"))
				}
			}}, "request", "spelt", "--reason", "trial_ended")
		require.NotZero(t, got.code)
		require.Contains(t, got.err, "nothing was sent")
		require.Equal(t, "[]\n", w.erasectl("list", "--tenant", "spelt", "-o", "json").out)
	})
}

func TestAPIsThatAreNotThere(t *testing.T) {
	t.Parallel()
	answers := func(handler http.HandlerFunc) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	says := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	html := func(status int) string { return answers(says(status, "text/html", "<html>")) }
	problem := func(status int, code string) string {
		text, err := json.Marshal(httpapi.Problem{Title: http.StatusText(status), Status: status, Code: code,
			Detail: "A sentence.\n\x1b[31m"})
		require.NoError(t, err)
		return answers(says(status, "application/problem+json", string(text)))
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for claim, c := range map[string]struct {
		api  string
		args []string
		code int
		says string
	}{
		"nobody listens": {"http://127.0.0.1:1", []string{"list"}, app.ExitUnreachable, "start the coordinator"},
		"nobody listens to a watch": {"http://127.0.0.1:1", []string{"watch", anyJob}, app.ExitUnreachable,
			"erasectl watch " + anyJob},
		"a server that does not answer": {answers(silent), []string{"list", "--timeout", "50ms"}, app.ExitUnreachable, "--timeout"},
		"another server":                {html(200), []string{"list"}, app.ExitFailed, "correct --api"},
		"another server's 404":          {html(404), []string{"get", anyJob}, app.ExitFailed, "correct --api"},
		"a proxy without a server":      {html(502), []string{"get", anyJob}, app.ExitUnreachable, "proxy"},
		"a proxy's 401":                 {html(401), []string{"list"}, app.ExitAuth, "--token-file"},
		"a redirect":                    {answers(away), []string{"list"}, app.ExitFailed, "correct --api"},
		"403":                           {problem(403, "forbidden"), []string{"list"}, app.ExitAuth, "A sentence"},
		"404":                           {problem(404, "not_found"), []string{"get", anyJob}, app.ExitNotFound, anyJob},
		"412": {problem(412, "version_mismatch"), []string{"cancel", anyJob, "--version", "1"}, app.ExitConflict,
			"erasectl get"},
		"422": {problem(422, "invalid_request"), []string{"list"}, app.ExitUsage, "A sentence"},
		"429": {problem(429, "too_many_requests"), []string{"list"}, app.ExitFailed, "7s"},
		"500": {problem(500, "internal"), []string{"list"}, app.ExitFailed, "log"},
		"503": {problem(503, "unavailable"), []string{"list"}, app.ExitUnreachable, "erasectl doctor"},
		"503 to a request": {problem(503, "unavailable"), []string{"request", "rye", "--reason", "trial_ended", "--confirm", "rye",
			"--key", "k9"}, app.ExitUnreachable, "--key k9"},
	} {
		t.Run(claim+" is said in one line", func(t *testing.T) {
			t.Parallel()
			got := typist{outageMax: time.Nanosecond}.run(t.Context(), t, append([]string{"--api", c.api}, c.args...)...)
			inOneLine(t, got, c.code, c.says)
		})
	}
}

func TestAnAPIThatComesBack(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	w := newWorld(t, worldConfig{before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if down.Load() {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(out, r)
		})
	}})
	release := w.ledgers["orders"].hold()
	w.bake("rye")
	asked := decoded[httpapi.Job](t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "-o", "json"))
	watching := make(chan struct{})
	ended := make(chan ran, 1)
	var once sync.Once
	go func() {
		ended <- w.as(t.Context(), typist{onOut: func(string) { once.Do(func() { close(watching) }) }}, "watch", string(asked.JobID))
	}()
	<-watching
	down.Store(true)
	w.api.EndStreams()
	release()
	w.until("the job to end", func() bool { return w.newest("rye").State == saga.StateCompleted })
	down.Store(false)
	got := <-ended
	require.Equal(t, app.ExitDone, got.code, got.err)
	require.Len(t, lines(got.out), int(w.newest("rye").Version)+1, "every entry, and the end")
}
