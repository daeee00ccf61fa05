package bus

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Memory is the Bus without a broker, for tests, examples and one process that may lose everything with its end. It keeps
// every message until it is dropped.
type Memory struct {
	log zerolog.Logger

	mu        sync.Mutex
	streams   map[string]*memoryStream
	consumers map[string]*memoryConsumer // by stream and name
	watchers  map[*memoryWatcher]struct{}
	services  map[string][]*memoryService // by subject
	turn      int                         // services take turns
	redeliver int
}

var (
	_ Bus    = (*Memory)(nil)
	_ Reader = (*Memory)(nil)
)

// MemoryConfig is the topology. The zero MemoryConfig has the streams of the contract and the coordinator's consumers.
type MemoryConfig struct {
	// AckWait of consumers that state none. Default 5 s.
	AckWait time.Duration
	// Consumers replace the contract's; then Participants and Downstream must be empty.
	Consumers []MemoryConsumer
	// Downstream each get the consumer downstream_<name>.
	Downstream []string
	// Logger is silent at zero.
	Logger zerolog.Logger
	// Participants each get the consumer of their name.
	Participants []events.Participant
	// Streams replace the contract's.
	Streams []MemoryStream
}

// MemoryStream is the definition of a stream.
type MemoryStream struct {
	// Duplicates is how long a Nats-Msg-Id is remembered. Default 1 h.
	Duplicates time.Duration
	// MessagesMax is how many messages are kept; a publish beyond them is refused with ErrFull. Zero means any number.
	MessagesMax int
	Name        string
	// Republish sends what matches From again, unstored, to To. Empty means nothing.
	Republish struct{ From, To string }
	Subjects  []string
	// WorkQueue drops a message once it is acknowledged or terminated.
	WorkQueue bool
}

// MemoryConsumer is the definition of a durable consumer.
type MemoryConsumer struct {
	// AckPendingMax is how many deliveries may be on their way or delayed. With 1 nothing overtakes. Zero means any number.
	AckPendingMax int
	// AckWait is after how long a delivery without a sign of life comes again. Default: MemoryConfig.AckWait.
	AckWait time.Duration
	Filters []string
	Name    string
	Stream  string
}

const (
	memoryAckWait    = 5 * time.Second
	memoryDuplicates = time.Hour
	messageBytesMax  = 68 << 10 // what the streams of deploy/nats accept, headers included
)

func (c MemoryConfig) withDefaults() MemoryConfig {
	c.AckWait = cmp.Or(c.AckWait, memoryAckWait)
	if c.Streams == nil {
		c.Streams = contractStreams()
	}
	if c.Consumers == nil {
		c.Consumers = contractConsumers(c.Participants, c.Downstream)
	}
	return c
}

// NewMemory makes an empty bus. It panics when a consumer names a stream that is not there.
func NewMemory(config MemoryConfig) *Memory {
	config = config.withDefaults()
	m := &Memory{log: config.Logger, streams: map[string]*memoryStream{}, consumers: map[string]*memoryConsumer{},
		watchers: map[*memoryWatcher]struct{}{}, services: map[string][]*memoryService{}}
	for _, s := range config.Streams {
		s.Duplicates = cmp.Or(s.Duplicates, memoryDuplicates)
		m.streams[s.Name] = &memoryStream{MemoryStream: s, ids: map[string]time.Time{}, more: make(chan struct{})}
	}
	for _, c := range config.Consumers {
		stream, ok := m.streams[c.Stream]
		if !ok {
			panic(fmt.Sprintf("bus: consumer %s is on a stream that is not defined: %s", c.Name, c.Stream))
		}
		c.AckWait = cmp.Or(c.AckWait, config.AckWait)
		consumer := &memoryConsumer{MemoryConsumer: c, stream: stream, wake: make(chan struct{})}
		stream.consumers = append(stream.consumers, consumer)
		m.consumers[c.Stream+"/"+c.Name] = consumer
	}
	return m
}

// Redeliver hands every delivery out until it was handled so many times, acknowledged or not: 3 shows whether handlers are
// idempotent. Zero or one is the normal life.
func (m *Memory) Redeliver(times int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.redeliver = times
}

// Publish implements Bus.
func (m *Memory) Publish(ctx context.Context, messages ...events.Message) error {
	if err := ctx.Err(); err != nil {
		return &PublishError{Failed: allOf(messages), Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, message := range messages {
		if m.streamOf(message.Subject) == nil || events.StreamOfSubject(message.Subject) == "" {
			return &PublishError{Failed: allOf(messages), Err: fmt.Errorf("message %d: not the subject of a stored event", i)}
		}
	}
	failure := &PublishError{}
	for i, message := range messages {
		if len(message.Body) > messageBytesMax {
			failure.Failed = append(failure.Failed, i)
			failure.Err = fmt.Errorf("message %d: larger than the stream accepts", i)
			continue
		}
		s := m.streamOf(message.Subject)
		if s.full() && !s.repeats(message) {
			failure.Failed = append(failure.Failed, i)
			failure.Err = ErrFull
			continue
		}
		m.spread(message)
		m.store(s, message)
	}
	if failure.Err != nil {
		return failure
	}
	return nil
}

func (m *Memory) streamOf(subject string) *memoryStream {
	for _, s := range m.streams {
		if matchAny(s.Subjects, subject) {
			return s
		}
	}
	return nil
}
