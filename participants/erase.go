package participants

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/bakery-ia/tenant-deletion/events"
)

// detailBytesMax is what the contract allows for the detail of a problem.
const detailBytesMax = 512

// Erase deletes the command's tenant, or finds that it was deleted before, and returns the answer; request is the id of
// the event that carries the command. A permanent error is an answer with success=false. A returned error is transient: nothing
// is decided and the same command may be tried again. Erase does not look for a signature or an expiry: whoever calls it
// directly has verified the caller.
func (r *Runner) Erase(ctx context.Context, c *events.Command, request events.EventID) (*events.Result, error) {
	result, _, err := r.erase(ctx, c, request)
	return result, err
}

// erase is Erase; outlived reports a command that is older than the tenant's present life, for which nothing was deleted.
func (r *Runner) erase(
	ctx context.Context, c *events.Command, request events.EventID,
) (result *events.Result, outlived bool, err error) {
	_, jobErr := events.ParseJobID(string(c.JobID))
	if err := errors.Join(jobErr, c.TenantID.Validate()); err != nil {
		return nil, false, fmt.Errorf("participants: erase: %w", err)
	}
	if !c.Names(r.service.Name) {
		return nil, false, fmt.Errorf("participants: erase: %w: the command does not name %s", events.ErrInvalid, r.service.Name)
	}
	erasure := NewErasure(c, r.cfg.Now, r.progressOf(ctx, c))
	err = r.runErasers(ctx, erasure)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, false, fmt.Errorf("participants: erase: interrupted: %w", ctx.Err())
	}
	if err == nil {
		return r.answer(c, request, erasure), erasure.outlived, nil
	}
	if errors.Is(err, ErrRefused) {
		problem := problemOf(err)
		return r.failure(c, request, problem), problem.Code == CodeStale, nil
	}
	return nil, false, fmt.Errorf("participants: erase: %w", err)
}

// runErasers runs the others, then the ledger. The receipt is read first only when there are others, which must not run
// again for a settled job: the ledger looks for itself, inside its transaction.
func (r *Runner) runErasers(ctx context.Context, e *Erasure) error {
	if len(r.service.Others) > 0 {
		stored, err := r.service.Ledger.Receipt(ctx, e.Job)
		if err != nil {
			return fmt.Errorf("read receipt: %w", err)
		}
		if e.Settled(stored) {
			return r.service.Ledger.Erase(ctx, e) // which finds the same, and knows the tenant's present life
		}
		if stored != nil {
			e.Since = stored.Attempt
		}
	}
	for _, other := range r.service.Others {
		if err := other.Erase(ctx, e); err != nil {
			return err
		}
	}
	return r.service.Ledger.Erase(ctx, e)
}

// answer turns the receipt into the result. The result of a repeat differs from the first only in Replayed.
func (r *Runner) answer(c *events.Command, request events.EventID, e *Erasure) *events.Result {
	receipt, replayed := e.Answered()
	switch {
	case receipt == nil:
		return r.failure(c, request, events.Problem{Code: CodeInternal, Detail: "the ledger stored no receipt"})
	case receipt.JobID != c.JobID || receipt.TenantID != c.TenantID:
		return r.failure(c, request, events.Problem{Code: CodeInternal, Detail: "the stored receipt is of another tenant"})
	}
	counts := receipt.Counts
	if counts == nil {
		counts = Counts{}
	}
	return &events.Result{
		TenantID: c.TenantID, ServiceName: r.service.Name, Success: true, DeletedCounts: counts, Errors: []events.Problem{},
		Timestamp: receipt.At, JobID: c.JobID, Generation: c.Generation, Attempt: c.Attempt, RequestID: request,
		Mode: receipt.Mode, DurationMS: receipt.DurationMS, Replayed: replayed,
	}
}

func (r *Runner) failure(c *events.Command, request events.EventID, p events.Problem) *events.Result {
	return &events.Result{
		TenantID: c.TenantID, ServiceName: r.service.Name, DeletedCounts: Counts{}, Errors: []events.Problem{p},
		Timestamp: r.cfg.Now().UTC(), JobID: c.JobID, Generation: c.Generation, Attempt: c.Attempt, RequestID: request,
	}
}

// problemOf is what a stranger learns of an error: its code and its detail, never its cause.
func problemOf(err error) events.Problem {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return events.Problem{Code: CodeInternal, Detail: "the service could not finish; its log says why"}
	}
	detail := refused.Detail
	for len(detail) > detailBytesMax {
		_, size := utf8.DecodeLastRuneInString(detail)
		detail = detail[:len(detail)-size]
	}
	return events.Problem{Code: refused.Code, Detail: detail}
}
