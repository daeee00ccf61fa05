package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/bakery-ia/tenant-deletion/events"
)

// counts are rows by the participant's own names.
type counts = map[string]int64

// world is one run: the broker, the participant on it, and what the kit has made there.
type world struct {
	Config
	js      jetstream.JetStream
	tap     *tap
	version string
	before  *jetstream.ConsumerInfo

	neighbour       events.TenantID
	neighbourCounts counts

	sent map[uint64]bool          // sequences of the kit's messages
	ours map[events.TenantID]bool // tenants of the kit
}

// meetNeighbour makes the tenant that nobody deletes.
func (w *world) meetNeighbour(ctx context.Context) (err error) {
	if w.neighbour, w.neighbourCounts, err = w.seeded(ctx); err != nil {
		return fmt.Errorf("make a neighbour: %w", err)
	}
	return nil
}

func (w *world) tenant() events.TenantID {
	t := w.Tenant()
	w.ours[t] = true
	return t
}

// seeded is a new tenant with rows, and what the preview counts of it, which must be what was made.
func (w *world) seeded(ctx context.Context) (events.TenantID, counts, error) {
	tenant := w.tenant()
	if err := tenant.Validate(); err != nil {
		return "", nil, fmt.Errorf("make a tenant id: %w", err)
	}
	before, err := w.preview(ctx, tenant)
	if err != nil {
		return "", nil, fmt.Errorf("preview of a tenant that is not there: %w", err)
	}
	if total(before) != 0 {
		return "", nil, errors.New("the preview counts rows of a tenant that is not there; tenant ids must be new")
	}
	made, err := w.Seed(ctx, tenant)
	if err != nil {
		return "", nil, fmt.Errorf("seed: %w", err)
	}
	found, err := w.preview(ctx, tenant)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("preview of a seeded tenant: %w", err)
	case total(found) == 0:
		return "", nil, errors.New("the preview counts nothing of a seeded tenant")
	case made != nil && !same(made, found):
		return "", nil, fmt.Errorf("the preview counts %v, seeded were %v", found, made)
	}
	return tenant, found, nil
}

// command asks the participant to delete a tenant.
func (w *world) command(tenant events.TenantID) *events.Command {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &events.Command{JobID: events.NewJobID(), TenantID: tenant, Generation: 1, Wave: 1, Attempt: 1,
		Participants: []events.Participant{w.Participant}, Reason: "contract_ended", RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
}

// encode makes the event; a later attempt travels as a replayed one.
func encode(c *events.Command) (events.Message, error) {
	kind := events.TypeRequested
	if c.Attempt > 1 {
		kind = events.TypeReplayed
	}
	return events.Encode(events.Event{ID: events.EventIDFor(c.JobID, kind, "", c.Wave, c.Attempt),
		Source: events.SourceCoordinator, Type: kind, Subject: c.TenantID, Time: c.RequestedAt, Data: c})
}

func (w *world) signed(c *events.Command) (events.Message, error) {
	m, err := encode(c)
	if err != nil {
		return m, err
	}
	return w.Signer.Sign(m)
}

// send stores a message under a Nats-Msg-Id of its own, so that the same command can be delivered again: the signature does not
// cover headers, and the event's id is in the body.
func (w *world) send(ctx context.Context, m events.Message) (sequence uint64, err error) {
	msg := nats.NewMsg(m.Subject)
	for key, value := range m.Header {
		msg.Header[key] = []string{value}
	}
	msg.Header[events.HeaderMsgID] = []string{rand.Text()}
	msg.Data = m.Body
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	ack, err := w.js.PublishMsg(ctx, msg)
	if err != nil {
		return 0, fmt.Errorf("store a message: %w", err)
	}
	w.sent[ack.Sequence] = true
	return ack.Sequence, nil
}

// answer is a result with where it was seen.
type answer struct {
	seen
	event  events.Event
	result *events.Result
	sent   uint64 // sequence of the command
	acked  seen
}

// ask sends a command and waits for its result and its acknowledgement.
func (w *world) ask(ctx context.Context, c *events.Command) (answer, error) {
	m, err := w.signed(c)
	if err != nil {
		return answer{}, err
	}
	return w.exchange(ctx, m, w.AnswerTimeout)
}

func (w *world) exchange(ctx context.Context, m events.Message, limit time.Duration) (a answer, err error) {
	from := w.tap.mark()
	if a.sent, err = w.send(ctx, m); err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tenant := events.TenantID(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	first, err := w.tap.await(ctx, from, func(s seen) bool {
		return s.kind == kindResult && s.tenant() == tenant || s.of(a.sent) && s.terminates()
	})
	switch {
	case err != nil:
		return a, fmt.Errorf("no result within %s%s", limit, w.heard(from, a.sent))
	case first.kind == kindAck:
		return a, fmt.Errorf("the command was terminated: %s", quoted(first.reason()))
	}
	a.seen = first
	if a.acked, err = w.tap.await(ctx, from, func(s seen) bool { return s.settles(a.sent) }); err != nil {
		return a, fmt.Errorf("answered, but not acknowledged within %s", limit)
	}
	return a, a.decode()
}

// heard says what the participant said about a delivery instead of settling it.
func (w *world) heard(from int, sequence uint64) string {
	words := w.tap.all(from, func(s seen) bool { return s.of(sequence) })
	if len(words) == 0 {
		return ", and no word about the delivery"
	}
	last := words[len(words)-1]
	return fmt.Sprintf("; %d words about the delivery, the last one %s", len(words), quoted(last.word()))
}

func (a *answer) decode() (err error) {
	a.event, err = events.Decode(events.Message{Subject: a.msg.Subject, Body: a.msg.Data})
	if err != nil {
		return fmt.Errorf("the result is not of the contract: %w", err)
	}
	a.result = a.event.Data.(*events.Result) // the subject says so, and Decode compared it
	return nil
}

// demand holds a result against its command.
func (w *world) demand(a answer, c *events.Command, want counts) error {
	r := a.result
	switch {
	case r.JobID != c.JobID || r.TenantID != c.TenantID || r.Generation != c.Generation || r.Attempt != c.Attempt:
		return fmt.Errorf("the result is of job %s, generation %d, attempt %d; the command was of %s, %d, %d",
			r.JobID, r.Generation, r.Attempt, c.JobID, c.Generation, c.Attempt)
	case r.ServiceName != w.Participant:
		return fmt.Errorf("the result is of %s", r.ServiceName)
	case !r.Success:
		return fmt.Errorf("refused with %s", r.Errors[0].Code)
	case !same(r.DeletedCounts, want):
		return fmt.Errorf("deleted_counts are %v, want %v", r.DeletedCounts, want)
	}
	return nil
}

// gone demands a preview of zero in every place that was counted before.
func (w *world) gone(ctx context.Context, tenant events.TenantID, before counts) error {
	after, err := w.preview(ctx, tenant)
	if err != nil {
		return fmt.Errorf("preview of an erased tenant: %w", err)
	}
	for place := range before {
		if n, there := after[place]; !there || n != 0 {
			return fmt.Errorf("after the deletion the preview counts %d in %s (named: %t)", n, place, there)
		}
	}
	return nil
}

// untouched demands that the preview counts what it counted before.
func (w *world) untouched(ctx context.Context, tenant events.TenantID, before counts) error {
	after, err := w.preview(ctx, tenant)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	if !maps.Equal(after, before) {
		return fmt.Errorf("rows are gone that must stay: the preview counts %v, before it counted %v", after, before)
	}
	return nil
}

// preview asks for exact counts.
func (w *world) preview(ctx context.Context, tenant events.TenantID) (counts, error) {
	p, err := w.previewOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if p.Error != nil {
		return nil, fmt.Errorf("refused with %s", p.Error.Code)
	}
	return p.Counts, nil
}

func (w *world) previewOf(ctx context.Context, tenant events.TenantID) (p events.Preview, err error) {
	body, err := events.EncodePreviewRequest(events.PreviewRequest{TenantID: tenant})
	if err != nil {
		return p, err
	}
	msg, err := w.previewRaw(ctx, body)
	if err != nil {
		return p, err
	}
	if msg.Header.Get(micro.ErrorHeader) != "" {
		return p, errors.New("the preview was answered with a service error")
	}
	if p, err = events.DecodePreview(msg.Data); err != nil {
		return p, fmt.Errorf("the preview is not of the contract: %w", err)
	}
	if p.TenantID != tenant || p.ServiceName != w.Participant {
		return p, errors.New("the preview is of another tenant or participant")
	}
	return p, nil
}

func (w *world) previewRaw(ctx context.Context, body []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	msg, err := w.Conn.RequestWithContext(ctx, events.PreviewSubject(w.Participant), body)
	if err != nil {
		return nil, fmt.Errorf("the preview was not answered: %w", err)
	}
	return msg, nil
}

// tidied is how the kit terminates what a failed clause left, so that the next one is judged by itself.
const tidied = "+TERM conformance: left over"

// tidy ends every delivery that the participant did not settle.
func (w *world) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	for {
		info, err := w.consumer(ctx)
		if err == nil && info.NumPending == 0 && info.NumAckPending == 0 {
			return
		}
		if err == nil {
			w.terminate(info)
		}
		if !pause(ctx, pollInterval) {
			return
		}
	}
}

// terminate goes by the subjects that the participant has used, and else by the delivery that must be the last one.
func (w *world) terminate(info *jetstream.ConsumerInfo) {
	settled := map[uint64]bool{}
	open := map[string]bool{}
	for _, s := range w.tap.all(0, func(s seen) bool { return s.kind == kindAck && w.sent[s.sequence] }) {
		if s.settles(s.sequence) {
			settled[s.sequence] = true
		}
	}
	for _, s := range w.tap.all(0, func(s seen) bool { return s.kind == kindAck && w.sent[s.sequence] }) {
		if !settled[s.sequence] {
			open[s.msg.Subject] = true
		}
	}
	if w.sent[info.Delivered.Stream] && !settled[info.Delivered.Stream] {
		open[fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.%d.0", events.StreamEvents, w.Participant, info.Delivered.Stream,
			info.Delivered.Consumer, time.Now().UnixNano())] = true
	}
	for subject := range open {
		_ = w.Conn.Publish(subject, []byte(tidied))
	}
	_ = w.Conn.FlushTimeout(apiTimeout)
}

// same compares counts; a place without rows need not be named.
func same(a, b counts) bool {
	for place := range a {
		if a[place] != b[place] {
			return false
		}
	}
	for place := range b {
		if a[place] != b[place] {
			return false
		}
	}
	return true
}

func total(c counts) (n int64) {
	for _, rows := range c {
		n += rows
	}
	return n
}

// quoted shows what a stranger said, in one line of bounded length.
func quoted(text string) string {
	const shown = 120
	if len(text) > shown {
		text = text[:shown] + "…"
	}
	return fmt.Sprintf("%q", text)
}
