package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Reader reads a stored message by its sequence: a dead letter points to one.
type Reader interface {
	// Read is the message of a stream at a sequence. ErrNotFound when it is gone or was never there.
	Read(ctx context.Context, stream string, sequence uint64) (Stored, error)
}

var _ Reader = (*JetStream)(nil)

// Last implements Bus.
func (b *JetStream) Last(ctx context.Context, stream, subject string) (Stored, error) {
	return b.read(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetLastMsgForSubject(ctx, subject)
	})
}

// Read implements Reader.
func (b *JetStream) Read(ctx context.Context, stream string, sequence uint64) (Stored, error) {
	return b.read(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetMsg(ctx, sequence)
	})
}

type getFunc func(context.Context, jetstream.Stream) (*jetstream.RawStreamMsg, error)

func (b *JetStream) read(ctx context.Context, stream string, get getFunc) (Stored, error) {
	ctx, cancel := withTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := b.stream(ctx, stream)
	if err != nil {
		return Stored{}, fmt.Errorf("bus: read %s: %w", stream, err)
	}
	raw, err := get(ctx, s)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Stored{}, fmt.Errorf("bus: read %s: %w", stream, err)
	}
	return Stored{Message: fromNATS(raw.Subject, raw.Header, raw.Data), Sequence: raw.Sequence, StoredAt: raw.Time}, nil
}

// stream keeps the handles: making one asks the broker.
func (b *JetStream) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if known, ok := b.streams.Load(name); ok {
		return known.(jetstream.Stream), nil
	}
	s, err := b.js.Stream(ctx, name)
	if err == nil {
		b.streams.Store(name, s)
	}
	return s, err
}
