package saga

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Batch decides several submissions or changes one after the other, on jobs that evolve with them. A Store loads and locks
// the jobs, asks the batch, and writes what it collected in one transaction, so that every Store means the same.
type Batch struct {
	counted  func(events.EventID) bool
	accepted map[events.EventID]bool
	rejected map[events.EventID]bool
	entries  map[events.JobID]*entry
	order    []events.JobID
	requests map[requestKey][]events.JobID // the job of a request id, and those that its conflicts made
	newest   map[events.TenantID]events.JobID
	active   map[events.TenantID]events.JobID
	messages []events.Message
	history  []Entry
	standing Standing
	ahead    []time.Time // places at the governor that this batch has given
}

// Standing are the guards as a store read them for a batch.
type Standing struct {
	Controls Controls
	// Holds are those that stand on the batch's tenants, oldest first.
	Holds []Hold
	// Begun are the newest pivots of all jobs, Planned the latest places of the jobs that wait for the governor and are not in
	// the batch: as many as the governor's limit of each.
	Begun, Planned []time.Time
}

// Guard gives the batch the guards that stand around its jobs. Without it there are none.
func (b *Batch) Guard(s Standing) { b.standing = s }

// guards are those of a tenant's job, as the batch has left them so far.
func (b *Batch) guards(tenant events.TenantID) Guards {
	g := Guards{Pause: b.standing.Controls.Pause, Governor: Governor{Max: b.standing.Controls.GovernorMax,
		Begun: b.standing.Begun, Planned: b.standing.Planned, Ahead: b.ahead}}
	for _, h := range b.standing.Holds {
		if h.Tenant == tenant {
			g.Holds = append(g.Holds, h)
		}
	}
	return g
}

// begins notes what a decision has taken of the governor.
func (b *Batch) begins(before, now Job) {
	switch {
	case before.PivotAt.IsZero() && !now.PivotAt.IsZero():
		b.ahead = append(b.ahead, now.PivotAt)
	case now.Blocked.hasPlace():
		b.ahead = append(b.ahead, now.WakeAt)
	}
}

// entry is a job as it was loaded (nil: made by this batch) and as it is now.
type entry struct {
	before *Job
	now    Job
}

type requestKey struct {
	source    events.Participant
	requestID string
}

// NewBatch starts a batch on the jobs that were loaded. Counted tells which inbox ids earlier transactions have counted.
func NewBatch(counted func(events.EventID) bool, loaded ...Job) *Batch {
	b := &Batch{counted: counted, accepted: map[events.EventID]bool{}, rejected: map[events.EventID]bool{},
		entries: map[events.JobID]*entry{}, requests: map[requestKey][]events.JobID{}, newest: map[events.TenantID]events.JobID{},
		active: map[events.TenantID]events.JobID{}}
	for _, job := range loaded {
		b.put(job, &job)
	}
	return b
}

// InboxID is the id under which a submission counts once: its event's, or, for a submission that no event brought, the
// one that its content gives.
func (s Submission) InboxID() events.EventID {
	if s.Inbox != "" {
		return s.Inbox
	}
	return s.Submitted.EventID()
}

// Submit makes a job with this id, unless the request was seen before or the tenant has an active job. The jobs of the
// submission's request id, and the newest and the active job of its tenant, must have been loaded.
func (b *Batch) Submit(s Submission, id events.JobID, roster []RosterEntry, now time.Time) Outcome {
	inbox := s.InboxID()
	if err := s.Submitted.Validate(); err != nil {
		return b.reject(inbox, fmt.Errorf("saga: submission: %w", err))
	}
	request := Request{Submitted: s.Submitted, ID: id, Generation: 1, Roster: roster, Policy: s.Policy, At: now,
		Preview: s.Preview, By: s.By,
		Guards: b.guards(s.Submitted.TenantID)}
	newest, met := b.entries[b.newest[s.Submitted.TenantID]]
	if met {
		request.Generation = newest.now.Generation + 1
	}
	duplicate := b.seen(inbox)
	if known := b.requests[requestKey{s.Submitted.Source, s.Submitted.RequestID}]; len(known) > 0 {
		for _, made := range known {
			if job := b.entries[made].now; job.Made(s.Submitted) {
				return b.existing(inbox, job, duplicate)
			}
		}
		if !s.Detached {
			return b.reject(inbox, ErrConflict)
		}
		request.Cause = ReasonConflict
		d, err := Start(request)
		return b.accept(inbox, d, err)
	}
	if active, ok := b.entries[b.active[s.Submitted.TenantID]]; ok && (duplicate || s.Refused == nil) {
		return b.existing(inbox, active.now, duplicate)
	}
	switch {
	case duplicate && met: // it had joined a job that has ended since
		return b.existing(inbox, newest.now, duplicate)
	case duplicate:
		return Outcome{Duplicate: true}
	case s.Refused != nil && !s.Detached:
		return b.reject(inbox, s.Refused)
	case s.Refused != nil:
		request.Cause = s.Refused.Code
	}
	d, err := Start(request)
	return b.accept(inbox, d, err)
}

// Change runs one change on its job, which must have been loaded.
func (b *Batch) Change(c Change) Outcome {
	if b.seen(c.Inbox) {
		return Outcome{Duplicate: true}
	}
	e, ok := b.entries[c.Job]
	if !ok {
		return b.reject(c.Inbox, fmt.Errorf("%w: %s", ErrNotFound, c.Job))
	}
	if err := e.now.Check(); err != nil {
		return b.reject(c.Inbox, err)
	}
	guarded := e.now
	guarded.Guards = b.guards(guarded.Tenant)
	d, err := c.Decide(guarded)
	d.Job.Guards = Guards{}
	if err == nil && d.Changed && d.Job.ID != c.Job {
		err = fmt.Errorf("%w: a decision about another job", ErrInvariant)
	}
	return b.accept(c.Inbox, d, err)
}

func (b *Batch) seen(inbox events.EventID) bool {
	return inbox != "" && (b.accepted[inbox] || b.counted(inbox))
}

func (b *Batch) existing(inbox events.EventID, job Job, duplicate bool) Outcome {
	b.accepted[inbox] = true
	return Outcome{Decision: Decision{Job: job}, Existing: true, Duplicate: duplicate}
}

func (b *Batch) reject(inbox events.EventID, err error) Outcome {
	b.rejected[inbox] = true
	return Outcome{Err: err}
}

// accept takes a decision in, unless it is an error or one of its events cannot be encoded.
func (b *Batch) accept(inbox events.EventID, d Decision, err error) Outcome {
	if err != nil {
		return b.reject(inbox, err)
	}
	encoded := make([]events.Message, len(d.Events))
	for i, e := range d.Events {
		if encoded[i], err = events.Encode(e); err != nil {
			return b.reject(inbox, fmt.Errorf("saga: encode event of job %s: %w", d.Job.ID, err))
		}
	}
	b.accepted[inbox] = true
	if d.Changed {
		b.begins(b.before(d.Job.ID), d.Job)
		b.put(d.Job, nil)
		b.messages = append(b.messages, encoded...)
		b.history = append(b.history, d.Entry)
	}
	return Outcome{Decision: d}
}

// before is the job as the batch has left it so far; the zero job when there was none.
func (b *Batch) before(id events.JobID) Job {
	if e, ok := b.entries[id]; ok {
		return e.now
	}
	return Job{}
}

func (b *Batch) put(job Job, before *Job) {
	e, ok := b.entries[job.ID]
	if !ok {
		e = &entry{before: before}
		b.entries[job.ID] = e
		b.order = append(b.order, job.ID)
	}
	e.now = job
	if key := (requestKey{job.Source, job.RequestID}); !slices.Contains(b.requests[key], job.ID) {
		b.requests[key] = append(b.requests[key], job.ID)
	}
	switch {
	case !job.State.Final():
		b.active[job.Tenant] = job.ID
	case b.active[job.Tenant] == job.ID:
		delete(b.active, job.Tenant)
	}
	if newest, ok := b.entries[b.newest[job.Tenant]]; !ok || newest.now.Generation <= job.Generation {
		b.newest[job.Tenant] = job.ID
	}
}

// Write is a job to be saved.
type Write struct {
	Job Job
	New bool
	// Steps are those that changed; all of a new job.
	Steps []Step
}

// Writes are the jobs that changed, each once, in the order in which they were loaded or made.
func (b *Batch) Writes() (writes []Write) {
	for _, id := range b.order {
		e := b.entries[id]
		switch {
		case e.before == nil:
			writes = append(writes, Write{Job: e.now, New: true, Steps: e.now.Steps})
		case e.before.Version != e.now.Version:
			writes = append(writes, Write{Job: e.now, Steps: changedSteps(e.before.Steps, e.now.Steps)})
		}
	}
	return writes
}

// Messages are the encoded events, in the order in which they were decided.
func (b *Batch) Messages() []events.Message { return b.messages }

// History are the lines of the decisions, in the order in which they were made.
func (b *Batch) History() []Entry { return b.history }

// Accepted are the inbox ids that count from now on, those counted before included.
func (b *Batch) Accepted() []events.EventID { return ids(b.accepted, nil) }

// Rejected are the inbox ids that do not count, because what they brought was refused.
func (b *Batch) Rejected() []events.EventID { return ids(b.rejected, b.accepted) }

func ids(of, without map[events.EventID]bool) []events.EventID {
	var list []events.EventID
	for id := range of {
		if id != "" && !without[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func changedSteps(before, now []Step) (changed []Step) {
	for i := range now {
		if i >= len(before) || !now[i].equal(before[i]) {
			changed = append(changed, now[i])
		}
	}
	return changed
}

func (s Step) equal(o Step) bool {
	return s.Participant == o.Participant && s.Wave == o.Wave && s.State == o.State && s.Attempt == o.Attempt &&
		s.RequestedAt.Equal(o.RequestedAt) && s.FinishedAt.Equal(o.FinishedAt) && s.VerifiedAt.Equal(o.VerifiedAt) &&
		s.Mode == o.Mode && s.DurationMS == o.DurationMS && s.ResidueAttempt == o.ResidueAttempt &&
		s.EraseAgain == o.EraseAgain && slices.Equal(s.Problems, o.Problems) &&
		maps.Equal(s.Counts, o.Counts) && maps.Equal(s.Residue, o.Residue) && s.ErasedAt.Equal(o.ErasedAt) &&
		sameWaiver(s.Waiver, o.Waiver) &&
		len(s.Earlier) == len(o.Earlier) // a pass never changes
}

func sameWaiver(a, b *Waiver) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.By == b.By && a.SecondBy == b.SecondBy && a.Reason == b.Reason && a.At.Equal(b.At)
}
