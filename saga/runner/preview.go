package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// preview asks one participant. One that serves nobody just now may be starting again, and gets a moment.
func (r *Runner) preview(ctx context.Context, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.PreviewTimeout)
	defer cancel()
	body, err := json.Marshal(events.PreviewRequest{TenantID: tenant})
	if err != nil {
		return events.Preview{}, fmt.Errorf("preview request: %w", err)
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
	var preview events.Preview
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&preview); err != nil {
		return events.Preview{}, fmt.Errorf("preview: %w: not the JSON of a preview", events.ErrInvalid)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return events.Preview{}, fmt.Errorf("preview: %w: more than one JSON value", events.ErrInvalid)
	}
	switch {
	case preview.TenantID != tenant:
		return events.Preview{}, fmt.Errorf("preview: tenant_id: %w: another tenant", events.ErrInvalid)
	case preview.ServiceName != p:
		return events.Preview{}, fmt.Errorf("preview: service_name: %w: another participant", events.ErrInvalid)
	case preview.Error != nil:
		return preview, nil
	case len(preview.Counts) == 0:
		return events.Preview{}, fmt.Errorf("preview: counts: %w: nothing was looked at", events.ErrInvalid)
	}
	for _, n := range preview.Counts {
		if n < 0 {
			return events.Preview{}, fmt.Errorf("preview: counts: %w: below zero", events.ErrInvalid)
		}
	}
	return preview, nil
}
