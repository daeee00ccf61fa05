package httpapi

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// jobOf shows a job. Lists leave the steps out.
func jobOf(j saga.Job, now time.Time, steps bool) Job {
	shown := Job{
		JobID: j.ID, TenantID: j.Tenant, Generation: j.Generation, State: j.State, Done: j.State.Final(), Version: j.Version,
		Round: max(j.Round, 1), Cause: j.Cause, Overdue: j.Overdue(now),
		Source: j.Source, RequestID: j.RequestID, Reason: j.Reason, RequestedBy: j.RequestedBy, DecidedBy: j.DecidedBy, Asked: j.Asked,
		SubmittedAt: j.SubmittedAt.UTC(), NotBefore: moment(j.NotBefore), DueAt: j.DueAt.UTC(), Deadline: j.Deadline.UTC(),
		PivotAt: moment(j.PivotAt), FinishedAt: moment(j.FinishedAt),
		Waived: j.Waived(), Wave: j.Wave, Total: j.Total(), Tally: map[string]int{},
	}
	if j.SubmittedBy != j.RequestedBy {
		shown.SubmittedBy = j.SubmittedBy
	}
	if c := j.Confirmed; c != nil {
		shown.Confirmed = &Confirmed{Fingerprint: c.Fingerprint, CountedAt: c.At.UTC(), Total: c.Total(), Counts: c.Counts}
	}
	if j.Blocked != nil {
		shown.Blocked = &Blocked{Code: j.Blocked.Code, Participants: j.Blocked.Participants, Since: j.Blocked.Since.UTC(),
			Action: j.Blocked.Action}
	}
	for i := range j.Steps {
		shown.Tally[string(j.Steps[i].State)]++
		if steps {
			shown.Steps = append(shown.Steps, stepOf(j.Steps[i]))
		}
	}
	return shown
}

func stepOf(s saga.Step) Step {
	shown := Step{
		Participant: s.Participant, Wave: s.Wave, State: s.State, Attempt: s.Attempt, RequestedAt: moment(s.RequestedAt),
		FinishedAt: moment(s.FinishedAt), Counts: s.Counts, Mode: s.Mode, DurationMS: s.DurationMS, Problems: s.Problems,
		VerifiedAt: moment(s.VerifiedAt), Residue: s.Residue, ErasedAt: moment(s.ErasedAt), Earlier: s.Earlier,
	}
	if w := s.Waiver; w != nil {
		shown.Waiver = &Waiver{By: w.By, SecondBy: w.SecondBy, Reason: w.Reason, At: w.At.UTC()}
	}
	return shown
}

func entryOf(e saga.Entry) Entry {
	return Entry{
		Number: e.Number, At: e.At.UTC(), Kind: e.Kind, State: e.State, By: e.By, Participants: e.Participants, Attempt: e.Attempt,
		Problems: e.Problems, Deleted: e.Deleted, Origin: e.Origin, Reason: e.Reason, Sent: e.Sent,
	}
}

func previewOf(p events.Preview) ParticipantPreview {
	shown := ParticipantPreview{ServiceName: p.ServiceName, Counts: p.Counts, Kept: p.Kept, Error: p.Error}
	if shown.Counts == nil {
		shown.Counts = map[string]int64{}
	}
	return shown
}

// letterOf shows a dead letter. Lists leave the message out.
func letterOf(d saga.DeadLetter, body bool) DeadLetter {
	shown := DeadLetter{ID: d.ID, Stream: d.Stream, Consumer: d.Consumer, Sequence: d.Sequence, Subject: d.Subject, Reason: d.Reason,
		CreatedAt: d.CreatedAt.UTC()}
	if body {
		shown.Body = d.Body
	}
	if r := d.Resolution; r != nil {
		shown.Resolution = &Resolution{Kind: r.Kind, By: r.By, Reason: r.Reason, At: r.At.UTC()}
	}
	return shown
}

// moment is a time that may not have come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
