package saga

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Entry is one line of a job's history: what happened, who did it, and where it left the job. Every saved decision has one.
type Entry struct {
	Job events.JobID `json:"-"`
	// Number is the job's version after the decision: it begins at 1 and has no gaps.
	Number int64     `json:"-"`
	At     time.Time `json:"-"`
	// Kind is the input: submit, tick, lost, answered, verified, approve, reject, cancel, replay, restored, hold, release, pause,
	// resume, governor, counted, renew or waive.
	Kind  string `json:"-"`
	State State  `json:"-"` // of the job, afterwards
	// By is the person or the program that decided; empty when nobody did.
	By string `json:"-"`

	// Participants are those the entry is about, Attempt the newest attempt of one participant alone.
	Participants []events.Participant `json:"participants,omitempty"`
	Attempt      int                  `json:"attempt,omitempty"`
	// Problems and Deleted are those of an answer.
	Problems []events.Problem `json:"problems,omitempty"`
	Deleted  int64            `json:"deleted,omitempty"`
	// Origin is where a replay found the original request.
	Origin string `json:"origin,omitempty"`
	// Reason is the job's reason to wait or to have ended, afterwards.
	Reason string `json:"reason,omitempty"`
	// Sent are the types of the events that left with the decision.
	Sent []events.Type `json:"sent,omitempty"`
}

// Happening is what somebody who follows a job is told: an entry of its history, or a participant's progress, which is not
// stored and may be lost. Exactly one of them is set.
type Happening struct {
	Entry    *Entry
	Progress *events.Progress
}

// entry closes the turn's line.
func (t *turn) entry(by string) Entry {
	e := t.note
	e.Job, e.Number, e.At, e.Kind, e.State = t.job.ID, t.job.Version, t.now, by, t.job.State
	e.Reason = t.job.Cause
	if t.job.Blocked != nil {
		e.Reason = t.job.Blocked.Code
	}
	for i := range t.events {
		e.Sent = append(e.Sent, t.events[i].Type)
	}
	return e
}
