package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// stream writes server-sent events. One writer at a time: entries, progress and heartbeats come from two goroutines.
type stream struct {
	mu         sync.Mutex
	writer     http.ResponseWriter
	connection *http.ResponseController
	err        error // why nothing can be written any more
}

// newStream begins the answer, so that the reader knows at once that he is connected.
func newStream(w http.ResponseWriter) *stream {
	s := &stream{writer: w, connection: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	_ = s.write("") // the headers; a reader that is gone is noticed with the first entry
	return s
}

// run follows a job until follow returns, and shows meanwhile that the stream lives. It waits for its heart to stop.
func (s *stream) run(ctx, ending context.Context, heartbeat time.Duration, follow func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ending, cancel)
	defer stop()
	var heart sync.WaitGroup
	defer heart.Wait()
	defer cancel()
	heart.Go(func() {
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				if s.write(": alive\n\n") != nil {
					cancel() // a reader that is gone is followed no longer
					return
				}
			}
		}
	})
	return follow(ctx)
}

// tell writes what happened.
func (s *stream) tell(h saga.Happening) error {
	event, id, data := "progress", "", any(h.Progress)
	if h.Entry != nil {
		event, id, data = "entry", fmt.Sprintf("id: %d\n", h.Entry.Number), entryOf(*h.Entry)
	}
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("httpapi: follow: %w", err)
	}
	return s.write(id + "event: " + event + "\ndata: " + string(body) + "\n\n")
}

// write sends the text at once. A reader that takes nothing is given up; nothing else ends a stream in time, whatever the
// server's own write timeout is.
func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	_ = s.connection.SetWriteDeadline(time.Now().Add(streamWriteMax)) // a writer without deadlines is no connection
	_, s.err = s.writer.Write([]byte(text))
	if err := s.connection.Flush(); s.err == nil && !errors.Is(err, http.ErrNotSupported) {
		s.err = err
	}
	return s.err
}

// broken reports whether the reader is gone.
func (s *stream) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}
