package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/bakery-ia/tenant-deletion/events"
)

// apiTimeout bounds one question to the broker.
const apiTimeout = 5 * time.Second

// Errors that say why a run did not begin.
var (
	ErrCoordinator = errors.New("a coordinator is bound to " + events.ConsumerResults + ", it would race the kit")
	ErrPending     = errors.New("the participant's consumer has work pending, which is not the kit's")
	ErrConsumer    = errors.New("the participant has no consumer on " + events.StreamEvents)
	ErrSilent      = errors.New("the participant does not answer a ping")
)

// Run holds the participant against every clause. An error means that there is no complete report; clauses that fail are in
// the report.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return Report{}, fmt.Errorf("conformance: %w", err)
	}
	w, err := open(ctx, cfg)
	if err != nil {
		return Report{}, fmt.Errorf("conformance: %w", err)
	}
	defer w.tap.close()
	report = Report{Participant: cfg.Participant, Version: w.version, Began: time.Now().UTC()}
	for _, c := range checks {
		if ctx.Err() != nil {
			break
		}
		v := w.judge(ctx, c)
		if ctx.Err() != nil { // the end of the run is no fault of the participant
			break
		}
		report.Verdicts = append(report.Verdicts, v)
		cfg.Tell(v)
	}
	report.TookMS = time.Since(report.Began).Milliseconds()
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("conformance: after %d of %d clauses: %w", len(report.Verdicts), len(checks), err)
	}
	return report, nil
}

// open looks whether the kit may begin, and begins to watch.
func open(ctx context.Context, cfg Config) (*world, error) {
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	w := &world{Config: cfg, js: js, sent: map[uint64]bool{}, ours: map[events.TenantID]bool{}}
	if err := w.free(ctx); err != nil {
		return nil, err
	}
	if w.version, err = w.ping(ctx); err != nil {
		return nil, err
	}
	if w.before, err = w.consumer(ctx); err != nil {
		return nil, err
	}
	if w.tap, err = newTap(cfg.Conn, cfg.Participant); err != nil {
		return nil, err
	}
	if err := w.meetNeighbour(ctx); err != nil {
		w.tap.close()
		return nil, err
	}
	return w, nil
}

// free refuses a broker where somebody else works.
func (w *world) free(ctx context.Context) error {
	info, err := w.consumer(ctx)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrConsumer
	case err != nil:
		return fmt.Errorf("read the participant's consumer: %w", err)
	case info.NumPending > 0 || info.NumAckPending > 0:
		return ErrPending
	}
	results, err := w.js.Consumer(ctx, events.StreamEvents, events.ConsumerResults)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the coordinator's consumer: %w", err)
	}
	if results.CachedInfo().NumWaiting > 0 || results.CachedInfo().PushBound {
		return ErrCoordinator
	}
	return nil
}

func (w *world) consumer(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	c, err := w.js.Consumer(ctx, events.StreamEvents, string(w.Participant))
	if err != nil {
		return nil, err
	}
	return c.CachedInfo(), nil
}

// ping asks whether an instance lives, and tells its version. It asks again while one starts.
func (w *world) ping(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	for {
		answers, err := w.instances(ctx, 1)
		if err == nil && len(answers) > 0 {
			return answers[0].Version, nil
		}
		if !pause(ctx, pollInterval) {
			return "", ErrSilent
		}
	}
}

// instances collects pings until there are so many, or none came for a second.
func (w *world) instances(ctx context.Context, want int) (found []micro.Ping, err error) {
	name := events.ServiceName(w.Participant)
	inbox := w.Conn.NewInbox()
	sub, err := w.Conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	subject, err := micro.ControlSubject(micro.PingVerb, name, "")
	if err != nil {
		return nil, err
	}
	if err := w.Conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	for len(found) < want {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return found, nil //nolint:nilerr // silence is an answer: fewer than wanted
		}
		var p micro.Ping
		if json.Unmarshal(msg.Data, &p) == nil && p.Name == name {
			found = append(found, p)
		}
	}
	return found, nil
}

const (
	pollInterval = 50 * time.Millisecond
	pingWait     = time.Second // an instance answers from memory
)

// pause waits, and reports whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// judge tests one clause, and clears away what it left.
func (w *world) judge(ctx context.Context, c check) Verdict {
	began, v := time.Now(), Verdict{Clause: c.Clause, Outcome: OK}
	note, err := w.try(ctx, c)
	var skip skipped
	switch {
	case errors.As(err, &skip):
		v.Outcome, v.Reason = Skip, skip.Error()
	case err != nil:
		v.Outcome, v.Reason = Fail, err.Error()
		w.tidy(ctx)
	default:
		v.Reason = note
	}
	v.TookMS = time.Since(began).Milliseconds()
	return v
}

func (w *world) try(ctx context.Context, c check) (note string, err error) {
	if err := w.alive(ctx); err != nil {
		return "", err
	}
	return c.run(ctx, w)
}

// alive makes sure that somebody is there to be tested. A participant that crashed is started again where that is possible.
func (w *world) alive(ctx context.Context) error {
	if found, err := w.instances(ctx, 1); err != nil || len(found) > 0 {
		return err
	}
	if w.Start == nil {
		return fmt.Errorf("%w any more", ErrSilent)
	}
	if err := w.Start(ctx); err != nil {
		return fmt.Errorf("start the participant again: %w", err)
	}
	_, err := w.ping(ctx)
	return err
}

// skipped says why a clause was not tested.
type skipped string

func (s skipped) Error() string { return string(s) }
