package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// message is one server-sent event; a comment has nothing else.
type message struct {
	id, event, data, comment string
}

// follow reads a job's live stream behind a number, until more says no or the stream ends. It reports whether it ended.
func (w *world) follow(job Job, after int64, more func(message) bool) (ended bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), waitMax)
	defer cancel()
	r := w.make(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events/live",
		header: map[string]string{"Last-Event-ID": strconv.FormatInt(after, 10)}}).WithContext(ctx)
	answered, err := w.server.Client().Do(r)
	require.NoError(w.t, err)
	defer answered.Body.Close()
	require.Equal(w.t, http.StatusOK, answered.StatusCode)
	require.Equal(w.t, "text/event-stream", answered.Header.Get("Content-Type"))
	require.Equal(w.t, "no", answered.Header.Get("X-Accel-Buffering"))
	require.Equal(w.t, "no-cache", answered.Header.Get("Cache-Control"))
	seen.Store("followJob 200", true)
	return scan(w.t, answered, more)
}

func scan(t testing.TB, answered *http.Response, more func(message) bool) (ended bool) {
	var m message
	lines := bufio.NewScanner(answered.Body)
	for lines.Scan() {
		line := lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if !more(m) {
				return false
			}
			m = message{}
		case name == "":
			m.comment = value
		case name == "id":
			m.id = value
		case name == "event":
			m.event = value
		case name == "data":
			m.data = value
		default:
			require.Fail(t, "a line of no meaning", line)
		}
	}
	require.NoError(t, lines.Err())
	return true
}

// free waits until no stream is followed any more: a server learns a moment later that its reader has left.
func (w *world) free() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.api.streams) == 0 }, waitMax, time.Millisecond)
}

func TestFollow(t *testing.T) {
	t.Parallel()

	t.Run("every entry comes once across drops, and the stream ends with the job", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		release := w.parts["orders"].hold()
		defer release()
		job := read[Job](w.submit(approval("acme"), "key-1").is(http.StatusAccepted))
		var numbers []int64
		after := func() int64 {
			if len(numbers) == 0 {
				return 0
			}
			return numbers[len(numbers)-1]
		}
		ended := false
		for connections := 0; !ended; connections++ {
			require.Less(t, connections, 100)
			ended = w.follow(job, after(), func(m message) bool {
				if m.event != "entry" {
					return true
				}
				var entry Entry
				require.NoError(t, json.Unmarshal([]byte(m.data), &entry))
				require.Equal(t, strconv.FormatInt(entry.Number, 10), m.id)
				numbers = append(numbers, entry.Number)
				return false // drop the connection after each entry
			})
			switch connections {
			case 0:
				w.act(job, "approve", "bob").is(http.StatusAccepted)
			case 1:
				release()
			}
		}
		done := w.until(job, saga.StateCompleted)
		expected := make([]int64, done.Version)
		for i := range expected {
			expected[i] = int64(i) + 1
		}
		require.Equal(t, expected, numbers)
		require.True(t, w.follow(job, 0, func(m message) bool {
			numbers = numbers[1:]
			return true
		}))
		require.Empty(t, numbers, "a stream from the beginning has them all")
	})
	t.Run("the header counts more than the query", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		done := w.until(job, saga.StateCompleted)
		path := jobsPath + "/" + string(job.JobID) + "/events/live"
		last := strconv.FormatInt(done.Version, 10)
		r := w.do(request{method: "GET", path: path + "?after=" + last}).is(http.StatusOK)
		require.Empty(t, r.body)
		header := map[string]string{"Last-Event-ID": "0"}
		r = w.do(request{method: "GET", path: path + "?after=" + last, header: header}).is(http.StatusOK)
		require.Contains(t, string(r.body), "id: 1\nevent: entry\ndata: {")
		for _, sent := range []string{"-1", "a", "1.0", "01", "9999999999999999999"} {
			w.do(request{method: "GET", path: path, header: map[string]string{"Last-Event-ID": sent}}).
				refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
	})
	t.Run("progress is told without an id", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		progress := events.Progress{JobID: job.JobID, TenantID: "acme", ServiceName: "orders", Attempt: 1, Deleted: 7, Table: "things"}
		announced, err := events.Encode(events.Event{ID: "progress-1", Source: "/participants/orders", Type: events.TypeProgress,
			Subject: "acme", Time: time.Now(), Data: &progress})
		require.NoError(t, err)
		var seen []message
		w.follow(job, 0, func(m message) bool {
			require.NoError(t, w.bus.Announce(t.Context(), announced)) // the watch began before the first entry was told
			seen = append(seen, m)
			return m.event != "progress"
		})
		told := seen[len(seen)-1]
		require.Empty(t, told.id)
		var got events.Progress
		require.NoError(t, json.Unmarshal([]byte(told.data), &got))
		require.Equal(t, progress, got)
	})
	t.Run("a silent stream shows that it lives, whatever the server's own timeouts are", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(cfg *Config) { cfg.Heartbeat = 20 * time.Millisecond })
		w.server.Close()
		w.server = httptest.NewUnstartedServer(w.api)
		w.server.Config.ReadTimeout, w.server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
		w.server.Start()
		t.Cleanup(w.server.Close)
		t.Cleanup(w.api.EndStreams)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		beats := 0
		require.False(t, w.follow(job, job.Version, func(m message) bool {
			require.Equal(t, message{comment: "alive"}, m)
			beats++
			return beats < 10
		}))
	})
	t.Run("there are only so many, and one that is left makes room", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(cfg *Config) { cfg.StreamsMax = 1 })
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		path := jobsPath + "/" + string(job.JobID) + "/events/live"
		w.follow(job, 0, func(message) bool {
			refused := w.do(request{method: "GET", path: path})
			refused.refused(http.StatusTooManyRequests, CodeTooMany)
			require.Equal(t, "5", refused.header.Get("Retry-After"))
			return false
		})
		w.free()
		w.follow(job, 0, func(message) bool { return false })
	})
	t.Run("EndStreams ends them and refuses new ones", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		require.True(t, w.follow(job, 0, func(message) bool {
			w.api.EndStreams()
			w.api.EndStreams()
			return true
		}))
		w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events/live"}).
			refused(http.StatusServiceUnavailable, CodeUnavailable)
	})
	t.Run("HEAD has the headers and no stream", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		r := w.do(request{method: "HEAD", path: jobsPath + "/" + string(job.JobID) + "/events/live"}).is(http.StatusOK)
		require.Equal(t, "text/event-stream", r.header.Get("Content-Type"))
		w.free()
	})
}

func TestListJobEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
	done := w.until(job, saga.StateCompleted)
	path := jobsPath + "/" + string(job.JobID) + "/events"
	var after int64
	for after < done.Version {
		query := "?limit=2&after=" + strconv.FormatInt(after, 10)
		page := read[Entries](w.do(request{method: "GET", path: path + query}).is(http.StatusOK))
		require.NotEmpty(t, page.Events)
		for _, entry := range page.Events {
			after++
			require.Equal(t, after, entry.Number)
		}
		require.Equal(t, after, page.Last)
	}
	empty := read[Entries](w.do(request{method: "GET", path: path + "?after=4711"}).is(http.StatusOK))
	require.Empty(t, empty.Events)
	require.EqualValues(t, 4711, empty.Last)
}
