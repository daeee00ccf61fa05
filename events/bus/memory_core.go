package bus

import (
	"context"
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// memoryWatcher calls fn for what was sent, one at a time. Its queue is guarded by Memory.mu.
type memoryWatcher struct {
	pattern string
	queue   []events.Message
	wake    chan struct{} // holds one signal
}

type memoryService struct {
	Service
	ctx context.Context // of Serve, which the answers belong to
	fn  ServeFunc
}

// Announce implements Bus.
func (m *Memory) Announce(_ context.Context, message events.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spread(message)
	return nil
}

// spread gives a message to everyone who watches its subject now.
func (m *Memory) spread(message events.Message) {
	for w := range m.watchers {
		if match(w.pattern, message.Subject) {
			w.queue = append(w.queue, clone(message))
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
	}
}

// Watch implements Bus.
func (m *Memory) Watch(ctx context.Context, pattern string, fn func(events.Message)) error {
	w := &memoryWatcher{pattern: pattern, wake: make(chan struct{}, 1)}
	m.mu.Lock()
	m.watchers[w] = struct{}{}
	m.mu.Unlock()
	go m.watch(ctx, w, fn) // ends with ctx, which its owner ends
	return nil
}

func (m *Memory) watch(ctx context.Context, w *memoryWatcher, fn func(events.Message)) {
	for {
		select {
		case <-ctx.Done():
			m.mu.Lock()
			delete(m.watchers, w)
			m.mu.Unlock()
			return
		case <-w.wake:
		}
		m.mu.Lock()
		queue := w.queue
		w.queue = nil
		m.mu.Unlock()
		for _, message := range queue {
			if ctx.Err() == nil {
				m.tell(fn, message)
			}
		}
	}
}

func (m *Memory) tell(fn func(events.Message), message events.Message) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(m.log, p)
		}
	}()
	fn(message)
}

// Serve implements Bus.
func (m *Memory) Serve(ctx context.Context, s Service, fn ServeFunc) error {
	service := &memoryService{Service: s, ctx: ctx, fn: fn}
	m.mu.Lock()
	m.services[s.Subject] = append(m.services[s.Subject], service)
	m.mu.Unlock()
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.services[s.Subject] = slices.DeleteFunc(m.services[s.Subject], func(other *memoryService) bool { return other == service })
	})
	return nil
}

// Request implements Bus. An answer that is an error of the service matches ErrService.
func (m *Memory) Request(ctx context.Context, message events.Message) (events.Message, error) {
	ctx, cancel := withTimeout(ctx, requestTimeout)
	defer cancel()
	service := m.pick(message.Subject)
	if service == nil {
		return events.Message{}, fmt.Errorf("bus: request: %w", ErrNoResponder)
	}
	type answer struct {
		body []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // ends with the ServeFunc, whose context ends with the service
		body, err := serve(service.ctx, m.log, service.fn, clone(message))
		answered <- answer{body, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			m.log.Warn().Err(a.err).Msg("bus: request not answered")
			return events.Message{}, fmt.Errorf("bus: request: %w", ErrService)
		}
		return clone(events.Message{Body: a.body}), nil
	case <-ctx.Done():
		return events.Message{}, fmt.Errorf("bus: request: %w", ctx.Err())
	}
}

// pick lets those who serve a subject take turns.
func (m *Memory) pick(subject string) *memoryService {
	m.mu.Lock()
	defer m.mu.Unlock()
	var alive []*memoryService
	for _, s := range m.services[subject] {
		if s.ctx.Err() == nil {
			alive = append(alive, s)
		}
	}
	if len(alive) == 0 {
		return nil
	}
	m.turn++
	return alive[m.turn%len(alive)]
}
