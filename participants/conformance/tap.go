package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/events"
)

// kind is what a message on the wire is to the kit.
type kind int

const (
	kindResult   kind = iota + 1
	kindProgress      // of the participant
	kindStored        // the stream's answer to a publish
	kindAck           // a word of the participant about a delivery
)

// seen is one message on the wire.
type seen struct {
	at   int // place in the log
	kind kind
	msg  *nats.Msg
	// Of a word about a delivery: which message, and for the how-manieth time it was delivered.
	sequence  uint64
	delivered int
}

// tapMax bounds what is seen and not yet read; a clause makes a few hundred messages.
const tapMax = 1 << 16

// tap sees what the participant says, in the order in which the broker has it: one channel for every subscription.
type tap struct {
	in   chan *nats.Msg
	subs []*nats.Subscription
	done sync.WaitGroup

	mu   sync.Mutex
	log  []seen
	more chan struct{} // closed and replaced with each message
}

// inboxes are where the stream answers the participant's publishes: the form of the protocol, and what clients do by default.
func inboxes(p events.Participant) []string { return []string{"_INBOX_" + string(p) + ".", "_INBOX."} }

func newTap(nc *nats.Conn, p events.Participant) (*tap, error) {
	t := &tap{in: make(chan *nats.Msg, tapMax), more: make(chan struct{})}
	subjects := []string{
		string(events.TypeResult) + ".>", string(events.TypeProgress) + "." + string(p) + ".>",
		"$JS.ACK." + events.StreamEvents + "." + string(p) + ".>", "$JS.ACK.*.*." + events.StreamEvents + "." + string(p) + ".>",
	}
	for _, inbox := range inboxes(p) {
		subjects = append(subjects, inbox+">")
	}
	for _, subject := range subjects {
		sub, err := nc.ChanSubscribe(subject, t.in)
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", subject, err)
		}
		t.subs = append(t.subs, sub)
	}
	if err := nc.FlushTimeout(apiTimeout); err != nil {
		return nil, fmt.Errorf("watch the broker: %w", err)
	}
	t.done.Go(t.read)
	return t, nil
}

// close ends the subscriptions, then the reader.
func (t *tap) close() {
	for _, sub := range t.subs {
		_ = sub.Unsubscribe()
	}
	t.in <- nil
	t.done.Wait()
}

func (t *tap) read() {
	for msg := range t.in {
		if msg == nil {
			return
		}
		s, ok := classify(msg)
		if !ok {
			continue
		}
		t.mu.Lock()
		s.at = len(t.log)
		t.log = append(t.log, s)
		close(t.more)
		t.more = make(chan struct{})
		t.mu.Unlock()
	}
}

func classify(msg *nats.Msg) (seen, bool) {
	s := seen{msg: msg}
	switch {
	case strings.HasPrefix(msg.Subject, string(events.TypeResult)+"."):
		s.kind = kindResult
	case strings.HasPrefix(msg.Subject, string(events.TypeProgress)+"."):
		s.kind = kindProgress
	case strings.HasPrefix(msg.Subject, "_INBOX"):
		s.kind = kindStored
	case string(msg.Data) == tidied: // ours
		return s, false
	default:
		return s.ack()
	}
	return s, true
}

// ack reads the subject of a word: $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>..., or with the domain and the
// account's hash before the stream.
func (s seen) ack() (seen, bool) {
	tokens := strings.Split(s.msg.Subject, ".")
	at := 4
	if len(tokens) > 9 {
		at = 6
	}
	if len(tokens) < at+2 {
		return s, false
	}
	delivered, err1 := strconv.Atoi(tokens[at])
	sequence, err2 := strconv.ParseUint(tokens[at+1], 10, 64)
	s.kind, s.delivered, s.sequence = kindAck, delivered, sequence
	return s, err1 == nil && err2 == nil
}

// mark is where the log ends now.
func (t *tap) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.log)
}

// all is what was seen since a mark and matches.
func (t *tap) all(from int, match func(seen) bool) (found []seen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.log[from:] {
		if match(s) {
			found = append(found, s)
		}
	}
	return found
}

// await waits for the first message since a mark that matches.
func (t *tap) await(ctx context.Context, from int, match func(seen) bool) (seen, error) {
	for {
		t.mu.Lock()
		more, fresh := t.more, t.log[from:]
		t.mu.Unlock()
		for _, s := range fresh {
			if match(s) {
				return s, nil
			}
		}
		from += len(fresh)
		select {
		case <-more:
		case <-ctx.Done():
			return seen{}, ctx.Err()
		}
	}
}

// The words of the acknowledgement protocol. An empty word acknowledges too.
func (s seen) word() string { return string(s.msg.Data) }
func (s seen) acknowledges() bool {
	return s.word() == "" || strings.HasPrefix(s.word(), "+ACK") || s.word() == "+NXT"
}
func (s seen) terminates() bool   { return strings.HasPrefix(s.word(), "+TERM") }
func (s seen) handsBack() bool    { return strings.HasPrefix(s.word(), "-NAK") }
func (s seen) says(w string) bool { return s.kind == kindAck && strings.HasPrefix(s.word(), w) }
func (s seen) of(seq uint64) bool { return s.kind == kindAck && s.sequence == seq }
func (s seen) settles(seq uint64) bool {
	return s.of(seq) && (s.acknowledges() || s.terminates())
}

// reason is what a termination says.
func (s seen) reason() string { return strings.TrimSpace(strings.TrimPrefix(s.word(), "+TERM")) }

// tenant is the last token of a result's subject.
func (s seen) tenant() events.TenantID {
	return events.TenantID(s.msg.Subject[strings.LastIndexByte(s.msg.Subject, '.')+1:])
}
