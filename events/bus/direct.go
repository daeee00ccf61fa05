package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/events"
)

// api is a subject of the JetStream API as this client's account calls it.
func (b *JetStream) api(subject string) string {
	if b.config.APIPrefix == "" {
		return "$JS.API." + subject
	}
	return strings.TrimSuffix(b.config.APIPrefix, ".") + "." + subject
}

// directQuery is the body of a direct get: the first message of a subject at or after a sequence or a time.
type directQuery struct {
	Sequence  uint64     `json:"seq,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	NextBy    string     `json:"next_by_subj"`
}

// directNext is the first stored message that the query asks for. ErrNotFound when there is none (yet).
func (b *JetStream) directNext(ctx context.Context, stream string, query directQuery) (Stored, error) {
	body, err := json.Marshal(query)
	if err != nil {
		return Stored{}, err
	}
	return b.direct(ctx, events.Message{Subject: b.api("DIRECT.GET." + stream), Body: body})
}

// directLast is the newest stored message of a subject without wildcards. It asks on a subject that ends with the message's, so
// that a permission can bind a client to its own messages.
func (b *JetStream) directLast(ctx context.Context, stream, subject string) (Stored, error) {
	return b.direct(ctx, events.Message{Subject: b.api("DIRECT.GET." + stream + "." + subject)})
}

func (b *JetStream) direct(ctx context.Context, request events.Message) (Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	answer, err := b.ask(ctx, request)
	if err != nil {
		return Stored{}, err
	}
	switch code := answer.Header.Get("Status"); code {
	case "":
	case "404":
		return Stored{}, ErrNotFound
	default:
		return Stored{}, fmt.Errorf("the broker answered %s %s", code, answer.Header.Get("Description"))
	}
	return storedIn(answer)
}

var errNoMessage = errors.New("the broker's answer holds no stored message")

// storedIn reads the answer to a direct get; what the broker adds is taken off again.
func storedIn(answer *nats.Msg) (Stored, error) {
	sequence, err := strconv.ParseUint(answer.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Stored{}, errNoMessage
	}
	at, err := time.Parse(time.RFC3339Nano, answer.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Stored{}, errNoMessage
	}
	return Stored{Message: fromNATS(answer.Header.Get("Nats-Subject"), answer.Header, answer.Data), Sequence: sequence,
		StoredAt: at}, nil
}
