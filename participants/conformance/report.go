package conformance

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Level is how binding a clause is, as in RFC 2119.
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Outcome is what became of a clause.
type Outcome string

// The outcomes.
const (
	OK   Outcome = "ok"
	Fail Outcome = "fail"
	Skip Outcome = "skip" // not tested, which is not ok
)

// Clause is one claim about a participant. Its id and the ids of the protocol's clauses it tests never change.
type Clause struct {
	ID       string   `json:"id"`
	Level    Level    `json:"level"`
	Claim    string   `json:"claim"`
	Protocol []string `json:"protocol"`
}

// Verdict is what became of one clause.
type Verdict struct {
	Clause
	Outcome Outcome `json:"outcome"`
	// Reason says why it failed or was skipped, and what limits an ok.
	Reason string `json:"reason,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Report is what a run has seen of a participant.
type Report struct {
	Participant events.Participant `json:"participant"`
	// Version is the one that the participant tells.
	Version  string    `json:"version,omitempty"`
	Began    time.Time `json:"began"`
	TookMS   int64     `json:"took_ms"`
	Verdicts []Verdict `json:"clauses"`
}

// Count is how many clauses of a level had an outcome.
func (r Report) Count(l Level, o Outcome) (n int) {
	for _, v := range r.Verdicts {
		if v.Level == l && v.Outcome == o {
			n++
		}
	}
	return n
}

// Conforms reports whether no MUST failed. What was skipped is not known.
func (r Report) Conforms() bool { return r.Count(Must, Fail) == 0 }

// Clauses are all clauses, in the order in which they are tested.
func Clauses() []Clause {
	all := make([]Clause, len(checks))
	for i, c := range checks {
		all[i] = c.Clause
	}
	return all
}
