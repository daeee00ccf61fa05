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
	// ApprovalAbove makes a second person approve a deletion of more rows and files than this, and one whose size nobody has
	// confirmed. Zero means that the size does not matter.
	ApprovalAbove int64 `json:"approval_above,omitempty"`
	// AttemptsMax is how often a silent step is requested before only its reason is repeated. Zero means no limit:
	// a silent participant that returns must always find its command.
	AttemptsMax int `json:"attempts_max,omitempty"`
	// ConfirmPreview makes every request confirm a preview by its fingerprint.
	ConfirmPreview bool `json:"confirm_preview,omitempty"`
	// Deadline replaces the calendar month when it is shorter.
	Deadline time.Duration `json:"deadline,omitempty"`
	// DriftPercent and DriftRows are how far a participant's count, and the total, may be from what was confirmed: a count
	// that is off by more than both has drifted. Zero means 10 percent and 100 rows.
	DriftPercent int   `json:"drift_percent,omitempty"`
	DriftRows    int64 `json:"drift_rows,omitempty"`
	// Grace is the wait between scheduling and the first delete. Zero means none.
	Grace time.Duration `json:"grace,omitempty"`
	// CommandTTL is how long participants may act on a command. Zero means 24 h.
	CommandTTL time.Duration `json:"command_ttl,omitempty"`
	// Patience is how long a step or a verification may be silent before it is requested again. Zero means 60 s.
	// It doubles with every attempt, up to 15 min.
	Patience time.Duration `json:"patience,omitempty"`
	// PreviewAge is how old a preview may be that is confirmed. Zero means 24 h.
	PreviewAge time.Duration `json:"preview_age,omitempty"`
	// WaiverApproval makes a second person decide the same before a participant is waived.
	WaiverApproval bool `json:"waiver_approval,omitempty"`
}

// Defaults of a Policy, and the bound of its doubling.
const (
	commandTTLDefault = 24 * time.Hour
	patienceDefault   = 60 * time.Second
	// A working day's writes of a tenant are within a tenth of what it has; a small tenant's within a hundred rows.
	driftPercentDefault = 10
	driftRowsDefault    = 100
	previewAgeDefault   = 24 * time.Hour
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
	p.DriftPercent = cmp.Or(p.DriftPercent, driftPercentDefault)
	p.DriftRows = cmp.Or(p.DriftRows, driftRowsDefault)
	p.Patience = cmp.Or(p.Patience, patienceDefault)
	p.PreviewAge = cmp.Or(p.PreviewAge, previewAgeDefault)
	return p
}

func (p Policy) validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"deadline", p.Deadline}, {"grace", p.Grace}, {"command_ttl", p.CommandTTL}, {"patience", p.Patience},
		{"preview_age", p.PreviewAge}} {
		if d.value < 0 {
			return fmt.Errorf("policy.%s: %w: %s is negative", d.field, events.ErrInvalid, d.value)
		}
	}
	for _, n := range []struct {
		field string
		value int64
	}{{"approval_above", p.ApprovalAbove}, {"attempts_max", int64(p.AttemptsMax)}, {"drift_percent", int64(p.DriftPercent)},
		{"drift_rows", p.DriftRows}} {
		if n.value < 0 {
			return fmt.Errorf("policy.%s: %w: %d is negative", n.field, events.ErrInvalid, n.value)
		}
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
