package bus

import (
	"context"
	"fmt"
	"regexp"
	"sync"
)

// denials join the broker's permission violations, which arrive on their own, to the calls that caused them. Without
// this a denied publish looks like a timeout.
type denials struct {
	mu      sync.Mutex
	watches map[*denialWatch]struct{}
}

// denialWatch gets the first violation whose subject it matches.
type denialWatch struct {
	match func(subject string) bool
	seen  chan struct{} // closed after err is set
	err   error
}

var violationForm = regexp.MustCompile(`(?:Publish|Subscription) to "(\S+)"`)

// violated is the subject that a violation names; empty when it names none.
func violated(err error) string {
	found := violationForm.FindStringSubmatch(err.Error())
	if found == nil {
		return ""
	}
	return found[1]
}

func (d *denials) watch(match func(subject string) bool) (w *denialWatch, end func()) {
	w = &denialWatch{match: match, seen: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watches == nil {
		d.watches = map[*denialWatch]struct{}{}
	}
	d.watches[w] = struct{}{}
	return w, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.watches, w)
	}
}

// abort is a context that a matching violation ends, with the violation as its cause.
func (d *denials) abort(parent context.Context, match func(subject string) bool) (ctx context.Context, end func()) {
	w, forget := d.watch(match)
	ctx, cancel := context.WithCancelCause(parent)
	go func() { // ends with the context
		select {
		case <-w.seen:
			cancel(w.err)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		forget()
	}
}

func (d *denials) report(err error) {
	subject := violated(err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.watches {
		if w.err == nil && w.match(subject) {
			w.err = fmt.Errorf("%w: %s", ErrPermission, subject)
			close(w.seen)
		}
	}
}
