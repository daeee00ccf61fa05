package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

func nakDelay(_ context.Context, w *world) (string, error) {
	back := w.tap.all(0, func(s seen) bool { return s.kind == kindAck && s.handsBack() })
	for _, s := range back {
		var how struct {
			Delay int64 `json:"delay"`
		}
		_ = json.Unmarshal([]byte(strings.TrimSpace(strings.TrimPrefix(s.word(), "-NAK"))), &how) // anything else is no delay
		if how.Delay <= 0 {
			return "", errors.New("a delivery was handed back without a delay: it comes again at once, for ever")
		}
	}
	if len(back) == 0 {
		return "", skipped("nothing was handed back in this run")
	}
	return fmt.Sprintf("%d deliveries were handed back", len(back)), nil
}

func progressForm(_ context.Context, w *world) (string, error) {
	told := w.tap.all(0, func(s seen) bool { return s.kind == kindProgress })
	for _, s := range told {
		e, err := events.Decode(events.Message{Subject: s.msg.Subject, Body: s.msg.Data})
		if err != nil {
			return "", fmt.Errorf("a progress event is not of the contract: %w", err)
		}
		if p := e.Data.(*events.Progress); p.ServiceName != w.Participant || !w.ours[p.TenantID] {
			return "", errors.New("a progress event is of another participant or tenant")
		}
	}
	if len(told) == 0 {
		return "", skipped("no progress was told")
	}
	return fmt.Sprintf("%d events", len(told)), nil
}

// ownAnswers looks at every result on the broker: the kit's participant is the only one that was named.
func ownAnswers(_ context.Context, w *world) (string, error) {
	prefix := string(events.TypeResult) + "." + string(w.Participant) + "."
	all := w.tap.all(0, func(s seen) bool { return s.kind == kindResult })
	for _, s := range all {
		if !strings.HasPrefix(s.msg.Subject, prefix) {
			return "", fmt.Errorf("a result was published on %s", quoted(s.msg.Subject))
		}
		if !w.ours[s.tenant()] {
			return "", errors.New("a result was published for a tenant that nobody asked about")
		}
		e, err := events.Decode(events.Message{Subject: s.msg.Subject, Body: s.msg.Data})
		if err != nil {
			return "", fmt.Errorf("a result is not of the contract: %w", err)
		}
		if source := "/participants/" + string(w.Participant); e.Source != source {
			return "", errors.New("the source of a result is not " + source)
		}
	}
	return fmt.Sprintf("%d results", len(all)), nil
}

func topology(ctx context.Context, w *world) (string, error) {
	now, err := w.consumer(ctx)
	if err != nil {
		return "", fmt.Errorf("read the participant's consumer: %w", err)
	}
	was := w.before
	if !now.Created.Equal(was.Created) || now.Config.AckWait != was.Config.AckWait ||
		now.Config.MaxDeliver != was.Config.MaxDeliver ||
		now.Config.MaxAckPending != was.Config.MaxAckPending || !slices.Equal(now.Config.FilterSubjects, was.Config.FilterSubjects) {
		return "", errors.New("the consumer was made anew or changed during the run")
	}
	if now.NumPending > 0 || now.NumAckPending > 0 {
		return "", fmt.Errorf("the consumer is left with %d messages pending and %d not acknowledged",
			now.NumPending, now.NumAckPending)
	}
	return "", nil
}

func neighbours(ctx context.Context, w *world) (string, error) {
	if err := w.untouched(ctx, w.neighbour, w.neighbourCounts); err != nil {
		return "", err
	}
	if w.Neighbours == nil {
		return "by the preview of one neighbour: nobody said how to digest the others (--neighbour-command)", nil
	}
	tenant, _, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	before, err := w.Neighbours(ctx, tenant)
	if err != nil {
		return "", fmt.Errorf("digest the neighbours: %w", err)
	}
	c := w.command(tenant)
	for range 2 {
		if _, err := w.ask(ctx, c); err != nil {
			return "", err
		}
	}
	after, err := w.Neighbours(ctx, tenant)
	if err != nil {
		return "", fmt.Errorf("digest the neighbours: %w", err)
	}
	if after != before {
		return "", errors.New("a deletion has changed the digest of what belongs to others")
	}
	return "", nil
}
