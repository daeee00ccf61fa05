package erasectl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// Names of what a live stream tells.
const (
	tellsEntry    = "entry"
	tellsProgress = "progress"
	tellsJob      = "job" // ours: the job as it is at the end
)

// told is one thing that a live stream told; data is what programs are shown of it.
type told struct {
	Event string `json:"event"`
	Data  any    `json:"data"`

	entry    *httpapi.Entry
	progress *events.Progress
}

// messageBytesMax bounds one message of a stream: an entry that names every participant with its problems is far smaller.
const messageBytesMax = 1 << 20

// Errors of a stream.
var (
	errEnded   = errors.New("the stream ended before the job")
	errSilent  = errors.New("the stream fell silent")
	errNoEvent = errors.New("no stream of events")
	errEnough  = errors.New("enough") // the listener wants no more
)

// live tells fn what happens to a job, after an entry, until the job has ended (nil), fn has enough (its error), or the
// stream breaks. A stream that shows no sign of life for so long is broken.
func (a *api) live(ctx context.Context, id events.JobID, after int64, silenceMax time.Duration, fn func(told) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silenceMax, func() { cancel(errSilent) })
	defer watchdog.Stop()
	c := call{path: jobPath(id, "events", "live"), about: "job " + string(id),
		header: map[string]string{"Accept": "text/event-stream"}}
	if after > 0 {
		c.header["Last-Event-ID"] = strconv.FormatInt(after, 10)
	}
	answer, err := a.send(ctx, c)
	if err != nil {
		return err
	}
	defer answer.Body.Close() // a stream has no end to read to
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, tokenBytesMax))
		return a.refusal(c, answer, text)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/event-stream" {
		return errNoEvent
	}
	err = readMessages(answer.Body, func() { watchdog.Reset(silenceMax) }, fn)
	if err != nil && ctx.Err() != nil && !errors.Is(err, errEnough) {
		return context.Cause(ctx)
	}
	return err
}

// readMessages reads server-sent events until their end. Each line is a sign of life.
func readMessages(body io.Reader, alive func(), fn func(told) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, messageBytesMax)
	var event string
	var data []string
	for lines.Scan() {
		alive()
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "": // the message is complete
			if len(data) > 0 {
				if err := tell(event, strings.Join(data, "\n"), fn); err != nil {
					return err
				}
			}
			event, data = "", nil
		case name == "event":
			event = value
		case name == "data":
			data = append(data, value)
		}
	}
	return lines.Err()
}

// tell reads one message. A kind that nobody knows is of a newer API, and passed over.
func tell(event, data string, fn func(told) error) error {
	t := told{Event: event}
	var into any
	switch event {
	case tellsEntry:
		t.entry = &httpapi.Entry{}
		t.Data, into = t.entry, t.entry
	case tellsProgress:
		t.progress = &events.Progress{}
		t.Data, into = t.progress, t.progress
	default:
		return nil
	}
	if err := json.Unmarshal([]byte(data), into); err != nil {
		return fmt.Errorf("the stream tells %s in another form", event)
	}
	return fn(t)
}
