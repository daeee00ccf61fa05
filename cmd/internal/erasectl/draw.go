package erasectl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// jobs is the table of a list.
func (p *paper) jobs(jobs []httpapi.Job) {
	c := columns{headers: []string{"job", "tenant", "state", "steps", "rows", "submitted", "late", "why"}, numeric: []string{"rows"}}
	for i := range jobs {
		j := &jobs[i]
		late := ""
		if j.Overdue {
			late = "overdue"
		}
		c.row(string(j.JobID), string(j.TenantID), string(j.State), tally(j.Tally), thousands(j.Total), p.moment(j.SubmittedAt), late,
			why(j))
	}
	p.table(c)
}

// tally is how many steps have succeeded, of how many.
func tally(counts map[string]int) string {
	all := 0
	for _, n := range counts {
		all += n
	}
	return fmt.Sprintf("%d/%d", counts[string(saga.StepSucceeded)], all)
}

// why is the reason to wait, or to have ended without a deletion.
func why(j *httpapi.Job) string {
	switch {
	case j.Blocked != nil && len(j.Blocked.Participants) > 0:
		return fmt.Sprintf("%s: %s", j.Blocked.Code, words(j.Blocked.Participants))
	case j.Blocked != nil:
		return j.Blocked.Code
	}
	return j.Cause
}

// job is everything about one.
func (p *paper) job(j httpapi.Job) {
	p.fact("job", string(j.JobID))
	tenant := string(j.TenantID)
	if j.Generation > 1 {
		tenant += fmt.Sprintf(" (generation %d)", j.Generation)
	}
	p.fact("tenant", tenant)
	p.fact("state", string(j.State))
	p.fact("why", why(&j))
	if j.Blocked != nil {
		p.fact("since", p.moment(j.Blocked.Since))
		p.fact("to do", j.Blocked.Action)
	}
	p.fact("reason", j.Reason)
	p.fact("requested by", fmt.Sprintf("%s, through %s, request %s", j.RequestedBy, j.Source, j.RequestID))
	p.fact("sent by", j.SubmittedBy)
	p.fact("asked for", asked(j.Asked))
	if c := j.Confirmed; c != nil {
		p.fact("confirmed", fmt.Sprintf("%s, %s rows and files", c.Fingerprint, thousands(c.Total)))
	}
	p.fact("decided by", j.DecidedBy)
	p.fact("submitted", p.moment(j.SubmittedAt))
	if j.PivotAt == nil && !j.Done {
		p.fact("due", p.moment(j.DueAt))
	}
	if !j.Done {
		p.fact("deadline", p.moment(j.Deadline))
	}
	p.fact("finished", p.instant(j.FinishedAt))
	if len(j.Waived) > 0 {
		p.fact("without", words(j.Waived)+": nothing is proven of them")
	}
	if j.Overdue {
		p.fact("late", "overdue")
	}
	if j.Round > 1 {
		p.fact("round", fmt.Sprint(j.Round))
	}
	p.fact("version", fmt.Sprint(j.Version))
	p.fact("deleted", thousands(j.Total)+" rows and files")
	if len(j.Steps) > 0 {
		p.gap()
		p.steps(j.Steps)
	}
}

func asked(policy *events.RequestPolicy) string {
	if policy == nil {
		return ""
	}
	var parts []string
	if policy.Approval {
		parts = append(parts, "approval")
	}
	for name, seconds := range map[string]int64{"grace of ": policy.GraceSeconds, "end within ": policy.DeadlineSeconds} {
		if seconds > 0 {
			parts = append(parts, name+(time.Duration(seconds)*time.Second).String())
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func (p *paper) steps(steps []httpapi.Step) {
	c := columns{headers: []string{"participant", "wave", "state", "attempt", "rows", "seconds", "mode", "verified", "problem"},
		numeric: []string{"wave", "attempt", "rows", "seconds"}}
	for i := range steps {
		s := &steps[i]
		rows, seconds := "", ""
		if s.Counts != nil {
			rows = thousands(total(s.Counts))
			seconds = fmt.Sprintf("%d.%03d", s.DurationMS/1000, s.DurationMS%1000)
		}
		c.row(string(s.Participant), fmt.Sprint(s.Wave), string(s.State), fmt.Sprint(s.Attempt), rows, seconds, s.Mode,
			p.instant(s.VerifiedAt), problemOf(s))
	}
	p.table(c)
}

// problemOf is why a step failed, or what was found where nothing should be.
func problemOf(s *httpapi.Step) string {
	var parts []string
	for _, problem := range s.Problems {
		parts = append(parts, problem.Code+": "+problem.Detail)
	}
	for _, table := range sortedKeys(s.Residue) {
		parts = append(parts, fmt.Sprintf("residue of %s rows in %s", thousands(s.Residue[table]), table))
	}
	return strings.Join(parts, "; ")
}

// history is a table of entries.
func (p *paper) history(all []httpapi.Entry) {
	c := columns{headers: []string{"#", "at", "what", "participants", "deleted", "state", "by", "detail"},
		numeric: []string{"#", "deleted"}}
	for i := range all {
		e := &all[i]
		deleted := ""
		if e.Deleted > 0 {
			deleted = thousands(e.Deleted)
		}
		c.row(fmt.Sprint(e.Number), p.moment(e.At), e.Kind, words(e.Participants), deleted, string(e.State), e.By, detail(e))
	}
	p.table(c)
}

// detail is the rest of an entry.
func detail(e *httpapi.Entry) string {
	var parts []string
	if e.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", e.Attempt))
	}
	for _, problem := range e.Problems {
		parts = append(parts, problem.Code+": "+problem.Detail)
	}
	if e.Origin != "" {
		parts = append(parts, "request from the "+e.Origin)
	}
	if e.Reason != "" && len(e.Problems) == 0 {
		parts = append(parts, e.Reason)
	}
	if len(e.Sent) > 0 {
		parts = append(parts, "sent "+words(e.Sent))
	}
	return strings.Join(parts, "; ")
}

// preview is what would be deleted, table by table.
func (p *paper) preview(v httpapi.Preview) {
	c := columns{headers: []string{"participant", "table", "rows", "kept"}, numeric: []string{"rows"}}
	for i := range v.Participants {
		one := &v.Participants[i]
		name := string(one.ServiceName)
		if one.Error != nil {
			c.row(name, "cannot tell", "", one.Error.Code+": "+one.Error.Detail)
			continue
		}
		for _, table := range sortedKeys(one.Counts) {
			c.row(name, table, thousands(one.Counts[table]), "")
		}
		for _, table := range sortedKeys(one.Kept) {
			c.row(name, table, "", one.Kept[table])
		}
	}
	if len(c.rows) > 0 {
		p.table(c)
		p.gap()
	}
	p.fact("tenant", string(v.TenantID))
	p.fact("total", thousands(v.Total)+" rows and files")
	p.fact("fingerprint", v.Fingerprint)
	if !v.Complete {
		p.fact("incomplete", "not every participant could tell: there may be more")
	}
}
