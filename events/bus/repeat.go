package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Patience of a look for a repeat.
const (
	repeatLooks = 3                     // a replica may be behind the one that has answered the publish
	repeatPause = 50 * time.Millisecond // between two looks
)

// againMark stands between a message's id and what makes it a new one.
const againMark = "."

// repeated settles a message that the broker took for a repeat: it compares ids alone, and whoever guessed the id of a message
// before it was sent, and used it for one of his own, would keep it out of the stream. When the stream does not have the message
// under its own subject, it is stored under an id that nobody could guess. Handlers recognise events by the id inside, so that a
// message stored twice changes nothing; one that is missing would.
func (b *JetStream) repeated(ctx context.Context, denied *denialWatch, m events.Message, ack *jetstream.PubAck) error {
	if b.isStored(ctx, m, ack) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.log.Warn().Str("subject", m.Subject).Str("stream", ack.Stream).Uint64("sequence", ack.Sequence).
		Msg("bus: the id of a message is taken by another one, storing it under a new id")
	m.Header = maps.Clone(m.Header)
	m.Header[events.HeaderMsgID] += againMark + rand.Text()
	future, err := b.publishAsync(m)
	if err != nil {
		return err
	}
	_, err = awaitPublish(ctx, denied, future)
	return err
}

// isStored reports whether the stream has the message, or one with its id on its subject. It asks for the newest of the subject,
// which is the one that was just repeated, and which the smallest of permissions allows; then for the one that the broker named,
// which decides at once where it may be read.
func (b *JetStream) isStored(ctx context.Context, m events.Message, ack *jetstream.PubAck) bool {
	wanted := m.Header[events.HeaderMsgID]
	same := func(stored Stored) bool {
		id := stored.Header[events.HeaderMsgID]
		return stored.Subject == m.Subject && (id == wanted || strings.HasPrefix(id, wanted+againMark))
	}
	for look := range repeatLooks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(repeatPause):
			}
		}
		last, err := b.directLast(ctx, ack.Stream, m.Subject)
		if err == nil && same(last) {
			return true
		}
		if errors.Is(err, ErrPermission) {
			return false
		}
		if b.ownOnly.Load() {
			continue
		}
		named, err := b.directNext(ctx, ack.Stream, directQuery{Sequence: ack.Sequence, NextBy: ">"})
		switch {
		case err == nil && named.Sequence == ack.Sequence:
			return same(named)
		case errors.Is(err, ErrPermission):
			b.ownOnly.Store(true) // a denial is a line in the broker's log: one is enough
		}
	}
	return false
}
