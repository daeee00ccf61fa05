package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// preview asks one participant. One that serves nobody just now may be starting again, and gets a moment.
func (r *Runner) preview(ctx context.Context, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.PreviewTimeout)
	defer cancel()
	body, err := events.EncodePreviewRequest(events.PreviewRequest{TenantID: tenant})
	if err != nil {
		return events.Preview{}, err
	}
	request := events.Message{Subject: events.PreviewSubject(p), Body: body}
	giveUp := time.Now().Add(noResponderMax)
	for {
		answer, err := r.bus.Request(ctx, request)
		if errors.Is(err, bus.ErrNoResponder) && time.Now().Before(giveUp) {
			if err := sleep(ctx, noResponderPause); err != nil {
				return events.Preview{}, err
			}
			continue
		}
		if err != nil {
			return events.Preview{}, err
		}
		return decodePreview(answer.Body, p, tenant)
	}
}

// decodePreview accepts only an answer that proves something: from the participant that was asked, about the tenant that
// was asked for, with a count for every place it looked at, or an error.
func decodePreview(body []byte, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	preview, err := events.DecodePreview(body)
	switch {
	case err != nil:
		return events.Preview{}, err
	case preview.TenantID != tenant:
		return events.Preview{}, fmt.Errorf("preview: tenant_id: %w: another tenant", events.ErrInvalid)
	case preview.ServiceName != p:
		return events.Preview{}, fmt.Errorf("preview: service_name: %w: another participant", events.ErrInvalid)
	}
	return preview, nil
}

// codeNoAnswer is the problem of a participant that did not answer, or answered what proves nothing.
const codeNoAnswer = "no_answer"

// Preview counts what a deletion of the tenant would delete now: one answer for each participant of the roster, in its
// order. One that cannot tell is in the list with its error, so that nobody takes its silence for zero.
func (r *Runner) Preview(ctx context.Context, tenant events.TenantID) ([]events.Preview, error) {
	if err := tenant.Validate(); err != nil {
		return nil, fmt.Errorf("runner: preview: %w", err)
	}
	roster, err := r.store.Roster(ctx)
	if err != nil {
		return nil, fmt.Errorf("runner: preview: %w", err)
	}
	names := make([]events.Participant, len(roster))
	for i := range roster {
		names[i] = roster[i].Participant
	}
	return r.previews(ctx, tenant, names), nil
}

// previews asks participants side by side.
func (r *Runner) previews(ctx context.Context, tenant events.TenantID, names []events.Participant) []events.Preview {
	answers := make([]events.Preview, len(names))
	atOnce(len(names), previewsAtOnce, func(i int) {
		answer, err := r.preview(ctx, names[i], tenant)
		if err != nil {
			r.cfg.Logger.Debug().Err(err).Str("participant", string(names[i])).Str("kind", "preview").Msg("no answer")
			answer = events.Preview{TenantID: tenant, ServiceName: names[i], Counts: map[string]int64{},
				Error: &events.Problem{Code: codeNoAnswer, Detail: "the participant did not answer; is it running?"}}
		}
		answers[i] = answer
	})
	return answers
}

// atOnce runs do for every place below n, at most limit of them side by side, and waits for all.
func atOnce(n, limit int, do func(place int)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, limit)
	for place := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			do(place)
		})
	}
	group.Wait()
}
