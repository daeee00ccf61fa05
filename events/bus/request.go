package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Limits of request/reply.
const (
	requestTimeout   = 30 * time.Second // when the caller's context has no deadline: a preview counts large tables
	serveParallelMax = 8                // requests that one instance answers side by side; more wait
	inboxPrefix      = "_INBOX"         // of an asker in this account
	importPrefix     = "_R_."           // what the broker calls an asker of another account; it leads to that asker and nowhere else
	serviceErrorCode = "500"
	serviceErrorText = "the service could not answer"
	serviceEndpoint  = "answer"
)

// Request implements Bus. An answer that is an error of the service matches ErrService.
func (b *JetStream) Request(ctx context.Context, m events.Message) (events.Message, error) {
	ctx, cancel := withTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := b.ask(ctx, m)
	if err != nil {
		return events.Message{}, fmt.Errorf("bus: request: %w", err)
	}
	if answer.Header.Get(micro.ErrorHeader) != "" {
		return events.Message{}, fmt.Errorf("bus: request: %w", ErrService)
	}
	return fromNATS(answer.Subject, answer.Header, answer.Data), nil
}

// ask sends a request and waits for its answer. A denied one gets no answer, only a violation.
func (b *JetStream) ask(ctx context.Context, m events.Message) (*nats.Msg, error) {
	ctx, end := b.denied.abort(ctx, func(subject string) bool { return subject == m.Subject })
	defer end()
	answer, err := b.nc.RequestMsgWithContext(ctx, toNATS(m))
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, ErrNoResponder
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	return answer, err
}

// Serve implements Bus. A reply subject outside the inboxes is refused: the permission to answer would let a stranger have
// this service write anywhere. No stream keeps what is sent to an inbox, or to an asker of another account. The caller of a
// request that fails is told so (ErrService); the cause stays in this side's log.
func (b *JetStream) Serve(ctx context.Context, s Service, fn ServeFunc) error {
	before := b.nc.LastError()
	service, err := micro.AddService(b.nc, micro.Config{Name: s.Name, Version: s.Version})
	if err != nil {
		return fmt.Errorf("bus: serve %s: %w", s.Name, err)
	}
	slots := make(chan struct{}, serveParallelMax)
	handler := micro.HandlerFunc(func(r micro.Request) {
		if !strings.HasPrefix(r.Reply(), inboxPrefix) && !strings.HasPrefix(r.Reply(), importPrefix) {
			b.log.Warn().Str("kind", s.Name).Msg("bus: request with a foreign reply subject refused")
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done(): // a request that was on its way when the service ended: its asker must not wait
			b.reply(s, r, nil, ctx.Err())
			return
		}
		b.served.Go(func() {
			defer func() { <-slots }()
			b.answer(ctx, s, fn, r)
		})
	})
	if err = service.AddEndpoint(serviceEndpoint, handler, micro.WithEndpointSubject(s.Subject)); err == nil {
		err = b.confirm(ctx, before, s.Subject)
	}
	stop := func() {
		if err := service.Stop(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			b.log.Debug().Err(err).Msg("bus: stop service")
		}
	}
	if err != nil {
		stop()
		return fmt.Errorf("bus: serve %s: %w", s.Name, err)
	}
	context.AfterFunc(ctx, stop)
	return nil
}

// answer handles one request.
func (b *JetStream) answer(ctx context.Context, s Service, fn ServeFunc, r micro.Request) {
	body, err := serve(ctx, b.log, fn, fromNATS(r.Subject(), nats.Header(r.Headers()), r.Data()))
	b.reply(s, r, body, err)
}

// reply sends the answer past micro.Request, which keeps what it sent without a lock: it is read when the endpoint's handler
// has returned, and this answer comes later, from another goroutine.
func (b *JetStream) reply(s Service, r micro.Request, body []byte, err error) {
	answer := &nats.Msg{Subject: r.Reply(), Data: body}
	if err != nil {
		b.log.Warn().Err(err).Str("kind", s.Name).Msg("bus: request not answered")
		answer.Data = nil
		answer.Header = nats.Header{micro.ErrorHeader: {serviceErrorText}, micro.ErrorCodeHeader: {serviceErrorCode}}
	}
	if err := b.nc.PublishMsg(answer); err != nil {
		b.log.Warn().Err(err).Str("kind", s.Name).Msg("bus: answer not sent")
	}
}

// serve calls fn; a panic is an error.
func serve(ctx context.Context, log zerolog.Logger, fn ServeFunc, m events.Message) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(log, p)
			err = errPanic
		}
	}()
	return fn(ctx, m)
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
