package natsdeploy

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Subscriber is one who must hear of every finished deletion at least once, in order.
type Subscriber struct {
	// Name is ^[a-z][a-z0-9_]{0,31}$; the consumer is called downstream_<name>.
	Name string
	// From is where a new consumer begins. A consumer that is there keeps its place: then From is only compared, when set.
	From Start
}

// Start is a place in the stream: StartBegin, StartNow or StartAt. The zero Start is the beginning for a new consumer, and
// asks nothing of one that is there.
type Start string

// The starts that are no time.
const (
	StartBegin Start = "begin" // the oldest event that the stream has
	StartNow   Start = "now"   // the first event after the consumer was made
)

// StartAt begins with the first event stored at or after the time.
func StartAt(t time.Time) Start { return Start(t.UTC().Format(time.RFC3339Nano)) }

// ParseStart reads begin, now, a time in RFC 3339, or nothing.
func ParseStart(text string) (Start, error) {
	switch start := Start(text); start {
	case "", StartBegin, StartNow:
		return start, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", errors.New("natsdeploy: start: must be begin, now or a time in RFC 3339")
	}
	return StartAt(t), nil
}

var downstreamForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// subscriber adds the consumer of a downstream subscriber.
func (d *Definitions) subscriber(s Subscriber) error {
	if !downstreamForm.MatchString(s.Name) {
		return fmt.Errorf("natsdeploy: downstream: must be a lower-case letter, then up to 31 of a-z 0-9 _")
	}
	from, err := ParseStart(string(s.From))
	if err != nil {
		return err
	}
	if err := d.consumer(events.StreamEvents, "downstream", "{{downstream}}", s.Name); err != nil {
		return err
	}
	c := &d.Consumers[len(d.Consumers)-1]
	switch from {
	case "":
		c.startUnset = true
	case StartBegin:
	case StartNow:
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	default:
		at, err := time.Parse(time.RFC3339, string(from))
		if err != nil {
			return err
		}
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &at
	}
	return nil
}
