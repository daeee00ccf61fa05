package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Reader reads stored messages without a consumer.
type Reader interface {
	// Read is the message of a stream at a sequence: a dead letter points to one. ErrNotFound when it is gone or was never
	// there.
	Read(ctx context.Context, stream string, sequence uint64) (Stored, error)
	// Next is the first stored message of a subject (NATS wildcards) at or after a sequence. ErrNotFound when there is none
	// (yet). From 1, and then from the sequence after the one it gave, it walks through all of them.
	Next(ctx context.Context, stream, subject string, from uint64) (Stored, error)
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

// Next implements Reader.
func (b *JetStream) Next(ctx context.Context, stream, subject string, from uint64) (Stored, error) {
	return b.read(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(subject))
	})
}

type getFunc func(context.Context, jetstream.Stream) (*jetstream.RawStreamMsg, error)

func (b *JetStream) read(ctx context.Context, stream string, get getFunc) (Stored, error) {
	ctx, cancel := withTimeout(ctx, apiTimeout)
	defer cancel()
	ctx, end := b.denied.abort(ctx, func(subject string) bool { // the stream's info, or a get of either kind
		return strings.HasSuffix(subject, ".INFO."+stream) || strings.Contains(subject+".", ".GET."+stream+".")
	})
	defer end()
	raw, err := b.get(ctx, stream, get)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Stored{}, fmt.Errorf("bus: read %s: %w", stream, err)
	}
	return Stored{Message: fromNATS(raw.Subject, raw.Header, raw.Data), Sequence: raw.Sequence, StoredAt: raw.Time}, nil
}

func (b *JetStream) get(ctx context.Context, stream string, get getFunc) (*jetstream.RawStreamMsg, error) {
	s, err := b.stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	raw, err := get(ctx, s)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNotFound
	}
	return raw, err
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
