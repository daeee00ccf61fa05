package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Pinger asks whether somebody serves, without making them work.
type Pinger interface {
	// Ping asks for a service by the name that Serve registered it under; the first instance that answers tells its
	// version. ErrNoResponder when there is none.
	Ping(ctx context.Context, service string) (version string, err error)
}

var (
	_ Pinger = (*JetStream)(nil)
	_ Pinger = (*Memory)(nil)
)

// pingTimeout bounds a ping whose context has no deadline: an instance answers from memory.
const pingTimeout = 2 * time.Second

var errServiceName = errors.New("a service's name must be 1 to 64 of A-Z a-z 0-9 _ -")

// Ping implements Pinger, by the subjects of NATS micro services ($SRV.PING.<name>).
func (b *JetStream) Ping(ctx context.Context, service string) (version string, err error) {
	if !nameForm.MatchString(service) {
		return "", fmt.Errorf("bus: ping: %w", errServiceName)
	}
	ctx, cancel := withTimeout(ctx, pingTimeout)
	defer cancel()
	subject, err := micro.ControlSubject(micro.PingVerb, service, "")
	if err != nil {
		return "", fmt.Errorf("bus: ping %s: %w", service, err)
	}
	answer, err := b.ask(ctx, events.Message{Subject: subject})
	if err != nil {
		return "", fmt.Errorf("bus: ping %s: %w", service, err)
	}
	var ping micro.Ping
	if err := json.Unmarshal(answer.Data, &ping); err != nil || ping.Type != micro.PingResponseType || ping.Name != service {
		return "", fmt.Errorf("bus: ping %s: %w", service, ErrService)
	}
	return ping.Version, nil
}

// Ping implements Pinger.
func (m *Memory) Ping(_ context.Context, service string) (version string, err error) {
	if !nameForm.MatchString(service) {
		return "", fmt.Errorf("bus: ping: %w", errServiceName)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, instances := range m.services {
		for _, s := range instances {
			if s.Name == service && s.ctx.Err() == nil {
				return s.Version, nil
			}
		}
	}
	return "", fmt.Errorf("bus: ping %s: %w", service, ErrNoResponder)
}
