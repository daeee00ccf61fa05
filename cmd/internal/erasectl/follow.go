package erasectl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// follower follows one job to its end: through the live stream where there is one, and by asking again where it breaks.
// Every entry of the history is told once, in order, however often the stream breaks.
type follower struct {
	k    *console
	a    *api
	id   events.JobID
	told int64 // number of the newest entry that was told
	fn   func(told) error

	job  httpapi.Job
	etag string
}

// fromNow lets a follower begin with what happens after its first look at the job.
const fromNow = -1

// over reports whether waiting is over: the job has ended, or a person must repair it.
func over(j *httpapi.Job) bool { return j.Done || j.State == saga.StateFailed }

// end waits until the job is over. --timeout bounds it.
func (f *follower) end(ctx context.Context) (httpapi.Job, error) {
	ctx, cancel := f.k.wholeWait(ctx)
	defer cancel()
	delay, lastAnswer := f.k.pace.retryDelayMin, f.k.now()
	for {
		wait, err := f.poll(ctx)
		if err != nil && (ctx.Err() != nil || !transient(err) || f.k.now().Sub(lastAnswer) > f.k.pace.outageMax) {
			return f.job, f.stopped(ctx, err)
		}
		if err == nil {
			lastAnswer = f.k.now()
			if over(&f.job) && f.told >= f.job.Version {
				return f.job, nil
			}
			before := f.told
			err = f.listen(ctx)
			switch {
			case ctx.Err() != nil:
				return f.job, f.stopped(ctx, err)
			case err == nil: // what was told says that it is over
				continue
			case f.told > before:
				delay = f.k.pace.retryDelayMin
			}
			wait = max(wait, askedWait(err))
		}
		if err := pause(ctx, max(wait, delay)); err != nil {
			return f.job, f.stopped(ctx, err)
		}
		delay = min(2*delay, f.k.pace.retryDelayMax)
	}
}

// errWaitOver is the cause of a wait that --timeout has ended.
var errWaitOver = errors.New("the wait is over")

// wholeWait bounds everything that is waited for by --timeout, where one is given.
func (k *console) wholeWait(ctx context.Context) (context.Context, context.CancelFunc) {
	if k.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, k.timeout, errWaitOver)
}

// poll reads the job, unless it is as it was; wait is what the API asks to wait before the next time.
func (f *follower) poll(ctx context.Context) (wait time.Duration, err error) {
	c := call{path: jobPath(f.id), about: "job " + string(f.id)}
	if f.etag != "" {
		c.header = map[string]string{"If-None-Match": f.etag}
	}
	var job httpapi.Job
	code, header, err := f.a.do(ctx, c, &job)
	if err != nil {
		return askedWait(err), err
	}
	if code != http.StatusNotModified {
		f.job, f.etag = job, header.Get("ETag")
		if f.told == fromNow {
			f.told = job.Version
		}
	}
	return retryAfter(header), nil
}

// listen tells what the live stream tells, until it says that the job is over (nil), or breaks. What a broken one has not
// told is read from the history.
func (f *follower) listen(ctx context.Context) error {
	err := f.a.live(ctx, f.id, f.told, f.k.pace.silenceMax, func(t told) error {
		if err := f.tell(t); err != nil {
			return err
		}
		if e := t.entry; e != nil && e.Number >= f.job.Version && (e.State.Final() || e.State == saga.StateFailed) {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err == nil:
		err = errEnded
	}
	if ctx.Err() != nil {
		return err
	}
	missed, missing := f.a.history(ctx, f.id, f.told)
	for i := range missed {
		if err := f.tell(told{Event: tellsEntry, Data: &missed[i], entry: &missed[i]}); err != nil {
			return err
		}
	}
	return errors.Join(err, missing)
}

// tell passes on what is new.
func (f *follower) tell(t told) error {
	if t.entry != nil {
		if t.entry.Number <= f.told {
			return nil
		}
		f.told = t.entry.Number
	}
	if f.fn == nil {
		return nil
	}
	return f.fn(t)
}

// stopped is the error of a wait that ended before the job did, with the command that goes on.
func (f *follower) stopped(ctx context.Context, err error) error {
	again := f.k.again("watch", string(f.id), "--after", fmt.Sprint(f.told))
	state := ""
	if f.job.State != "" {
		state = " (" + string(f.job.State) + ")"
	}
	switch {
	case errors.Is(context.Cause(ctx), errWaitOver):
		return app.Exit(app.ExitTimeout, "job %s%s: has not ended within %s, it goes on; watch it with: %s", f.id, state,
			f.k.timeout, again)
	case ctx.Err() != nil:
		return app.Exit(app.ExitInterrupted, "job %s%s: goes on; watch it with: %s", f.id, state, again)
	}
	if transient(err) {
		return fmt.Errorf("job %s goes on, but %w; watch it with: %s", f.id, err, again)
	}
	return err
}

// again is a command line that speaks to the same API.
func (k *console) again(words ...string) string {
	line := "erasectl"
	for flag, value := range map[string]string{"context": k.flags.contextName, "api": k.flags.api, "token-file": k.flags.tokenFile} {
		if value != "" {
			words = append(words, "--"+flag, value)
		}
	}
	for _, word := range words {
		line += " " + word
	}
	return line
}

// verdict is nil for a completed job, and says why a job that is over is not.
func verdictOf(j *httpapi.Job) error {
	switch {
	case j.State == saga.StateCompleted:
		return nil
	case j.Blocked != nil:
		return app.Exit(app.ExitEnded, "job %s: %s, %s; %s", j.JobID, j.State, why(j), j.Blocked.Action)
	}
	return app.Exit(app.ExitEnded, "job %s: %s, %s; nothing was deleted", j.JobID, j.State, why(j))
}

// transient reports whether it is worth trying again.
func transient(err error) bool {
	if r, ok := errors.AsType[*refused](err); ok {
		return r.problem.Status == http.StatusTooManyRequests || r.problem.Status >= http.StatusInternalServerError
	}
	return app.ExitCodeOf(err) == app.ExitUnreachable
}

func isStatus(err error, status int) bool {
	r, ok := errors.AsType[*refused](err)
	return ok && r.problem.Status == status
}

// askedWait is the wait that a refusal asks for.
func askedWait(err error) time.Duration {
	if r, ok := errors.AsType[*refused](err); ok {
		return r.after
	}
	return 0
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
