package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// DeadLetters lists dead letters, newest first.
func (r *Runner) DeadLetters(ctx context.Context, f saga.DeadFilter) ([]saga.DeadLetter, error) {
	return r.store.Buried(ctx, f)
}

// DeadLetter reads one with its message. The broker's own letters only point to a message: it is read from the stream, while
// that still has it.
func (r *Runner) DeadLetter(ctx context.Context, id int64) (saga.DeadLetter, error) {
	letter, err := r.store.Letter(ctx, id)
	if err != nil {
		return saga.DeadLetter{}, fmt.Errorf("runner: dead letter: %w", err)
	}
	reader, ok := r.bus.(bus.Reader)
	if len(letter.Body) > 0 || !ok {
		return letter, nil
	}
	stored, err := reader.Read(ctx, letter.Stream, letter.Sequence)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return letter, nil
	case err != nil:
		return saga.DeadLetter{}, fmt.Errorf("runner: dead letter: %w", err)
	}
	letter.Subject, letter.Body = stored.Subject, stored.Body
	return letter, nil
}

// Discard closes a dead letter without handling its message.
func (r *Runner) Discard(ctx context.Context, id int64, by, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("runner: discard: reason: %w: missing", events.ErrInvalid)
	}
	return r.resolve(ctx, id, saga.ResolutionDiscarded, by, reason)
}

// Resend handles a dead letter's message again, in the way of whoever had refused it, and closes the letter when that went
// well: a request or a result is fed to the coordinator, a command is asked for again as the next attempt of its step, an
// announcement is sent again. saga.ErrState says why it cannot be; the letter stays open then.
func (r *Runner) Resend(ctx context.Context, id int64, by string) error {
	letter, err := r.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	if letter.Resolution != nil {
		return fmt.Errorf("runner: resend: %w: the letter was %s", saga.ErrState, letter.Resolution.Kind)
	}
	if len(letter.Body) == 0 {
		return fmt.Errorf("runner: resend: %w: the message is no longer kept; discard the letter", saga.ErrState)
	}
	e, err := events.Decode(events.Message{Subject: letter.Subject, Body: letter.Body})
	if err != nil {
		return fmt.Errorf("runner: resend: %w: the message is not an event (%w); discard the letter", saga.ErrState, err)
	}
	if err := r.feed(ctx, letter, e, by); err != nil {
		return fmt.Errorf("runner: resend: %w", err)
	}
	return r.resolve(ctx, id, saga.ResolutionResent, by, "")
}

// feed handles the event of a letter again.
func (r *Runner) feed(ctx context.Context, letter saga.DeadLetter, e events.Event, by string) error {
	switch data := e.Data.(type) {
	case *events.Submitted:
		_, _, err := r.Submit(ctx, *data, saga.Asker{Service: true})
		return err
	case *events.Result:
		outcomes, err := r.store.Update(ctx, saga.Change{Job: data.JobID, Inbox: inboxOf(data), Decide: answered(*data, r.now())})
		if err != nil {
			return err
		}
		r.committed(outcomes)
		r.enqueue(ctx, outcomes)
		return outcomes[0].Err
	case *events.Command:
		p := events.Participant(letter.Consumer)
		if !data.Names(p) {
			return fmt.Errorf("%w: the command does not name %s", saga.ErrState, p)
		}
		job, err := r.store.Job(ctx, data.JobID)
		if err != nil {
			return err
		}
		origin, err := r.origin(ctx, job, []events.Participant{p})
		if err != nil {
			return err
		}
		_, err = r.Act(ctx, data.JobID, 0, saga.Replay{By: by, Participants: []events.Participant{p}, Origin: origin})
		return err
	case *events.Deleted:
		return r.Announce(ctx, data.JobID, by)
	}
	return fmt.Errorf("%w: a %s is for nobody to handle again", saga.ErrState, e.Type)
}

func (r *Runner) resolve(ctx context.Context, id int64, kind, by, reason string) error {
	err := r.store.Resolve(ctx, id, saga.Resolution{Kind: kind, By: by, Reason: reason, At: r.now()})
	if err != nil {
		return fmt.Errorf("runner: dead letter: %w", err)
	}
	return nil
}
