package saga

import (
	"cmp"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Policy says how jobs are run; it is frozen into each job. The zero value of each field takes the default.
type Policy struct {
	// Approval makes a second person approve before the grace begins.
	Approval bool `json:"approval,omitempty"`
	// AttemptsMax is how often a silent step is requested before only its reason is repeated. Zero means no limit:
	// a silent participant that returns must always find its command.
	AttemptsMax int `json:"attempts_max,omitempty"`
	// Deadline replaces the calendar month when it is shorter.
	Deadline time.Duration `json:"deadline,omitempty"`
	// Grace is the wait between scheduling and the first delete. Zero means none.
	Grace time.Duration `json:"grace,omitempty"`
	// CommandTTL is how long participants may act on a command. Zero means 24 h.
	CommandTTL time.Duration `json:"command_ttl,omitempty"`
	// Patience is how long a step or a verification may be silent before it is requested again. Zero means 60 s.
	// It doubles with every attempt, up to 15 min.
	Patience time.Duration `json:"patience,omitempty"`
}

// Defaults of a Policy, and the bound of its doubling.
const (
	commandTTLDefault = 24 * time.Hour
	patienceDefault   = 60 * time.Second
	// patienceMax keeps a participant that comes back after a long outage waiting for a quarter of an hour at most.
	patienceMax = 15 * time.Minute
	// patienceDoublingsMax keeps the shift below from overflowing; 60 s reach the bound after 4 doublings.
	patienceDoublingsMax = 20
)

// with merges what an asker wants: the stricter of both holds.
func (p Policy) with(asked *events.RequestPolicy) Policy {
	if asked == nil {
		return p
	}
	p.Approval = p.Approval || asked.Approval
	p.Grace = max(p.Grace, time.Duration(asked.GraceSeconds)*time.Second)
	if sooner := time.Duration(asked.DeadlineSeconds) * time.Second; sooner > 0 && (p.Deadline == 0 || sooner < p.Deadline) {
		p.Deadline = sooner
	}
	return p
}

func (p Policy) withDefaults() Policy {
	p.CommandTTL = cmp.Or(p.CommandTTL, commandTTLDefault)
	p.Patience = cmp.Or(p.Patience, patienceDefault)
	return p
}

func (p Policy) validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"deadline", p.Deadline}, {"grace", p.Grace}, {"command_ttl", p.CommandTTL}, {"patience", p.Patience}} {
		if d.value < 0 {
			return fmt.Errorf("policy.%s: %w: %s is negative", d.field, events.ErrInvalid, d.value)
		}
	}
	if p.AttemptsMax < 0 {
		return fmt.Errorf("policy.attempts_max: %w: %d is negative", events.ErrInvalid, p.AttemptsMax)
	}
	return nil
}

// patience is how long the given attempt may be silent. A policy that is more patient than the bound stays so.
func (p Policy) patience(attempt int) time.Duration {
	doubled := p.Patience << min(max(attempt-1, 0), patienceDoublingsMax)
	if doubled < p.Patience { // the shift overflowed
		doubled = patienceMax
	}
	return min(doubled, max(patienceMax, p.Patience))
}

// exhausted reports whether a step at this attempt is not requested again.
func (p Policy) exhausted(attempt int) bool { return p.AttemptsMax > 0 && attempt >= p.AttemptsMax }

// deadline is one calendar month after submission, or sooner.
func (p Policy) deadline(submitted time.Time) time.Time {
	month := monthAfter(submitted)
	if sooner := submitted.Add(p.Deadline); p.Deadline > 0 && sooner.Before(month) {
		return sooner
	}
	return month
}

// monthAfter is the same date of the next month, or that month's last day when it has no such date (Regulation (EEC,
// Euratom) No 1182/71, Art. 3(2)(c), which counts the periods of the GDPR).
func monthAfter(t time.Time) time.Time {
	next := t.AddDate(0, 1, 0)
	if next.Day() != t.Day() {
		next = next.AddDate(0, 0, -next.Day())
	}
	return next
}
