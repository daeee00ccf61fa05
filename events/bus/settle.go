package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// ackTimeout bounds a confirmed acknowledgement. When it passes, the delivery comes again.
const ackTimeout = 5 * time.Second

// errPanic stands for a handler that panicked; it is transient.
var errPanic = errors.New("the handler panicked")

// run calls the handler and returns exactly one error per delivery, whatever the handler does.
func run(ctx context.Context, log zerolog.Logger, handle HandlerFunc, batch []Delivery) (errs []error) {
	all := func(err error) []error {
		errs := make([]error, len(batch))
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer func() {
		if p := recover(); p != nil {
			logPanic(log, p)
			errs = all(errPanic)
		}
	}()
	switch errs = handle(ctx, batch); len(errs) {
	case len(batch):
		return errs
	case 0:
		return all(nil)
	default:
		return all(fmt.Errorf("the handler gave %d answers to %d deliveries", len(errs), len(batch)))
	}
}

// logPanic logs where it happened. The value of a panic may hold a payload, so only its type is logged, unless it is the
// runtime's own.
func logPanic(log zerolog.Logger, value any) {
	event := log.Error().Str("panic", fmt.Sprintf("%T", value)).Bytes("stack", debug.Stack())
	if err, ok := value.(runtime.Error); ok {
		event = event.AnErr("cause", err)
	}
	event.Msg("bus: handler panicked")
}

// logDisposed logs what was not acknowledged: the one place where a handler's error is written down.
func logDisposed(log zerolog.Logger, d Delivery, err error, disposition Disposition) {
	level := zerolog.WarnLevel
	if errors.Is(err, context.Canceled) {
		level = zerolog.DebugLevel
	}
	log.WithLevel(level).Err(err).Uint64("sequence", d.Sequence).Int("delivered", d.Delivered).Dur("dur", disposition.Delay).
		Str("kind", disposition.Verb.String()).Msg("bus: not acknowledged")
}

// heart repeats beat until stopped, without a goroutine while the handler is faster than the first beat.
type heart struct {
	mu    sync.Mutex
	timer *time.Timer // nil once stopped
}

func startHeart(every time.Duration, beat func()) *heart {
	h := &heart{}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer = time.AfterFunc(every, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.timer == nil {
			return
		}
		beat()
		h.timer.Reset(every)
	})
	return h
}

// stop waits for a running beat; none comes afterwards.
func (h *heart) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer.Stop()
	h.timer = nil
}
