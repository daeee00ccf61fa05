package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

// erased is a new tenant, deleted by its first command.
func (w *world) erased(ctx context.Context) (*events.Command, counts, answer, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return nil, nil, answer{}, err
	}
	c := w.command(tenant)
	a, err := w.ask(ctx, c)
	if err == nil {
		err = w.demand(a, c, before)
	}
	return c, before, a, err
}

func eraseExact(ctx context.Context, w *world) (string, error) {
	c, before, a, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if a.result.Replayed {
		return "", errors.New("the first answer is marked as replayed")
	}
	m, err := encode(c)
	if err != nil {
		return "", err
	}
	if command, err := events.Decode(m); err != nil || a.result.RequestID != command.ID {
		return "", errors.Join(err, errors.New("request_id is not the id of the command"))
	}
	return "", w.gone(ctx, c.TenantID, before)
}

func eraseAbsent(ctx context.Context, w *world) (string, error) {
	c := w.command(w.tenant())
	a, err := w.ask(ctx, c)
	if err != nil {
		return "", err
	}
	return "", w.demand(a, c, counts{})
}

func resultForm(ctx context.Context, w *world) (string, error) {
	c, _, a, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	want := events.Subject(events.Event{Type: events.TypeResult, Subject: c.TenantID,
		Data: &events.Result{ServiceName: w.Participant}})
	switch {
	case a.msg.Subject != want:
		return "", fmt.Errorf("the result is on the subject %s", quoted(a.msg.Subject))
	case a.msg.Header.Get(events.HeaderMsgID) != string(a.event.ID):
		return "", fmt.Errorf("the header %s is not the event's id", events.HeaderMsgID)
	case a.msg.Header.Get(events.HeaderContentType) != events.ContentType:
		return "", fmt.Errorf("the header %s is not %s", events.HeaderContentType, events.ContentType)
	case a.event.Source != "/participants/"+string(w.Participant):
		return "", errors.New("the source is not /participants/" + string(w.Participant))
	}
	return "", nil
}

func resultPlaces(ctx context.Context, w *world) (string, error) {
	c := w.command(w.tenant())
	a, err := w.ask(ctx, c)
	if err != nil {
		return "", err
	}
	for place := range w.neighbourCounts {
		if _, there := a.result.DeletedCounts[place]; !there {
			return "", fmt.Errorf("deleted_counts do not name %s", place)
		}
	}
	return "", nil
}

func resultStored(ctx context.Context, w *world) (string, error) {
	from := w.tap.mark()
	c, _, a, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if a.acked.at < a.at {
		return "", errors.New("the command was acknowledged before the result was published")
	}
	if a.msg.Reply == "" {
		return "", errors.New("the result was published without asking for the stream's answer")
	}
	stored, err := w.js.Stream(ctx, events.StreamEvents)
	if err != nil {
		return "", err
	}
	if _, err := stored.GetLastMsgForSubject(ctx, a.msg.Subject); err != nil {
		return "", fmt.Errorf("the result of job %s is not in the stream: %w", c.JobID, err)
	}
	if !slices.ContainsFunc(inboxes(w.Participant), func(inbox string) bool { return strings.HasPrefix(a.msg.Reply, inbox) }) {
		return "the stream answers to an inbox that the kit does not watch: only the order of result and acknowledgement was seen", nil
	}
	pubAck := w.tap.all(from, func(s seen) bool { return s.kind == kindStored && s.msg.Subject == a.msg.Reply })
	if len(pubAck) == 0 || pubAck[0].at > a.acked.at {
		return "", errors.New("the command was acknowledged before the stream had answered that the result is stored")
	}
	return "", nil
}

func ackConfirmed(ctx context.Context, w *world) (string, error) {
	_, _, a, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if a.acked.msg.Reply == "" {
		return "", errors.New("the acknowledgement asks for no answer")
	}
	return "", nil
}

// sameReceipt demands that two answers are one receipt.
func sameReceipt(first, again *events.Result) error {
	switch {
	case !again.Replayed:
		return errors.New("the repeat is not marked as replayed")
	case !again.Timestamp.Equal(first.Timestamp):
		return errors.New("the repeat has another timestamp")
	case again.Mode != first.Mode || again.DurationMS != first.DurationMS:
		return errors.New("the repeat has another mode or duration_ms")
	}
	return nil
}

func repeat(ctx context.Context, w *world) (string, error) {
	c, before, first, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	for range 2 {
		again, err := w.ask(ctx, c)
		if err != nil {
			return "", err
		}
		if err := w.demand(again, c, before); err != nil {
			return "", err
		}
		if err := sameReceipt(first.result, again.result); err != nil {
			return "", err
		}
	}
	return "", nil
}

// attempt asks for another attempt of a job.
func (w *world) attempt(ctx context.Context, c *events.Command, n int) (*events.Command, answer, error) {
	next := *c
	next.Attempt = n
	a, err := w.ask(ctx, &next)
	return &next, a, err
}

func newAttempt(ctx context.Context, w *world) (string, error) {
	c, before, first, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	next, again, err := w.attempt(ctx, c, 2)
	if err != nil {
		return "", err
	}
	if err := w.demand(again, next, before); err != nil {
		return "", err
	}
	if again.result.RequestID == first.result.RequestID {
		return "", errors.New("request_id is that of the first attempt")
	}
	return "", sameReceipt(first.result, again.result)
}

func resultID(ctx context.Context, w *world) (string, error) {
	c, _, first, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	again, err := w.ask(ctx, c)
	if err != nil {
		return "", err
	}
	if again.event.ID != first.event.ID {
		return "", errors.New("the repeat of a result has another id")
	}
	_, next, err := w.attempt(ctx, c, 2)
	if err != nil {
		return "", err
	}
	_, _, other, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if next.event.ID == first.event.ID || other.event.ID == first.event.ID {
		return "", errors.New("results of different attempts or jobs have one id")
	}
	return "", nil
}

func resultIDForm(ctx context.Context, w *world) (string, error) {
	c, _, a, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if want := events.EventIDFor(c.JobID, events.TypeResult, w.Participant, 0, c.Attempt); a.event.ID != want {
		return "", fmt.Errorf("the id is another than %s", want)
	}
	return "", nil
}

func replayedFirst(ctx context.Context, w *world) (string, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	c, a, err := w.attempt(ctx, w.command(tenant), 2)
	if err == nil {
		err = w.demand(a, c, before)
	}
	if err != nil {
		return "", err
	}
	return "", w.gone(ctx, tenant, before)
}

func eraseAgain(ctx context.Context, w *world) (note string, err error) {
	c, sum, _, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	if _, err := w.Seed(ctx, c.TenantID); err != nil {
		note = "the tenant is fenced, nothing could be written since"
	}
	since, err := w.preview(ctx, c.TenantID)
	if err != nil {
		return "", err
	}
	if note == "" && total(since) == 0 {
		return "", errors.New("rows were written after the deletion, and the preview does not count them")
	}
	want := counts{}
	for place := range sum {
		want[place] = sum[place] + since[place]
	}
	again := *c
	again.Attempt, again.EraseAgain = 2, true
	for _, replayed := range []bool{false, true} {
		a, err := w.ask(ctx, &again)
		if err == nil {
			err = w.demand(a, &again, want)
		}
		switch {
		case err != nil:
			return "", err
		case replayed && !a.result.Replayed:
			return "", errors.New("the second delivery of the same attempt is not marked as replayed")
		}
	}
	return note, w.gone(ctx, c.TenantID, want)
}

func staleGeneration(ctx context.Context, w *world) (string, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	newer := w.command(tenant)
	newer.Generation = 2
	a, err := w.ask(ctx, newer)
	if err == nil {
		err = w.demand(a, newer, before)
	}
	if err != nil {
		return "", err
	}
	a, err = w.ask(ctx, w.command(tenant))
	if err != nil {
		return "", err
	}
	if a.result.Success || a.result.Errors[0].Code != "stale_generation" {
		return "", errors.New("a command of generation 1 was not refused with stale_generation after one of generation 2")
	}
	return "", nil
}

func receiptFirst(ctx context.Context, w *world) (string, error) {
	c, before, first, err := w.erased(ctx)
	if err != nil {
		return "", err
	}
	newer := w.command(c.TenantID)
	newer.Generation = 2
	if _, err := w.ask(ctx, newer); err != nil {
		return "", err
	}
	again, err := w.ask(ctx, c)
	if err == nil {
		err = w.demand(again, c, before)
	}
	if err != nil {
		return "", err
	}
	return "", sameReceipt(first.result, again.result)
}
