package saga

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// world is one job and a clock, driven by the commands of a transcript.
type world struct {
	job    Job
	now    time.Time
	moved  map[move]bool
	guards Guards
}

var worldEpoch = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

const worldJob events.JobID = "01890000-0000-7000-8000-000000000001"

func newWorld() *world { return &world{now: worldEpoch, moved: map[move]bool{}} }

// command is a line of a transcript: a verb, words, and key=value facts.
type command struct {
	verb  string
	words []string
	facts map[string]string
}

func parseCommand(line string) command {
	c := command{facts: map[string]string{}}
	for i, word := range strings.Fields(line) {
		key, value, isFact := strings.Cut(word, "=")
		switch {
		case i == 0:
			c.verb = word
		case isFact:
			c.facts[key] = value
		default:
			c.words = append(c.words, word)
		}
	}
	return c
}

func (c command) take(key string) string {
	value := c.facts[key]
	delete(c.facts, key)
	return value
}

func (c command) number(key string, otherwise int) int {
	n, err := strconv.Atoi(c.take(key))
	if err != nil {
		return otherwise
	}
	return n
}

func (c command) duration(key string) time.Duration {
	d, err := time.ParseDuration(c.take(key))
	if err != nil {
		return 0
	}
	return d
}

func (c command) participants() []events.Participant {
	var who []events.Participant
	for _, word := range c.words {
		who = append(who, events.Participant(word))
	}
	return who
}

// run executes one line and says what became of it.
func (w *world) run(line string) string {
	c := parseCommand(line)
	switch c.verb {
	case "wait":
		d, err := time.ParseDuration(c.words[0])
		w.now = w.now.Add(d)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return ""
	case "hold", "release", "pause", "resume", "governor":
		w.guard(c)
		if w.job.ID == "" {
			return ""
		}
	case "submit":
		d, err := Start(w.request(c))
		return w.became(stateNew, kindSubmit, d, err)
	}
	in := w.input(c)
	if in == nil {
		return "error: no such command\n"
	}
	from, guarded := w.job.State, w.job
	guarded.Guards = w.guards
	d, err := Decide(guarded, in, w.now)
	return w.became(from, in.kind(), d, err)
}

func (w *world) request(c command) Request {
	r := Request{ID: worldJob, Generation: c.number("generation", 1), At: w.now, Policy: Policy{
		Grace: c.duration("grace"), Patience: c.duration("patience"), Deadline: c.duration("deadline"),
		CommandTTL: c.duration("ttl"), AttemptsMax: c.number("attempts", 0), Approval: slices.Contains(c.words, "approval"),
		ApprovalAbove: int64(c.number("above", 0)), WaiverApproval: slices.Contains(c.words, "waiver_approval"),
	}, Guards: w.guards, Cause: c.take("cause"), Submitted: events.Submitted{
		RequestID: "r-1", TenantID: "t1", Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1"}}
	if later := c.duration("not_before"); later != 0 {
		at := w.now.Add(later)
		r.Submitted.NotBefore = &at
	}
	for entry := range strings.FieldsFuncSeq(c.take("roster"), func(r rune) bool { return r == ',' }) {
		name, wave, _ := strings.Cut(entry, ":")
		n, _ := strconv.Atoi(wave) // a bad wave is 0, which Start refuses
		r.Roster = append(r.Roster, RosterEntry{Participant: events.Participant(name), Wave: n})
	}
	r.Submitted.Policy = c.asked()
	if seen := c.take("seen"); seen != "" {
		p := w.preview(seen)
		r.Preview, r.Submitted.Preview = &p, p.Fingerprint
	}
	return r
}

// asked is the request's own policy.
func (c command) asked() *events.RequestPolicy {
	grace, deadline := c.duration("asked_grace"), c.duration("asked_deadline")
	if grace == 0 && deadline == 0 && !slices.Contains(c.words, "asked_approval") {
		return nil
	}
	return &events.RequestPolicy{Approval: slices.Contains(c.words, "asked_approval"),
		GraceSeconds: int64(grace.Seconds()), DeadlineSeconds: int64(deadline.Seconds())}
}

func (w *world) input(c command) Input {
	switch c.verb {
	case "tick":
		return Tick{}
	case "lost":
		return Lost{Participants: c.participants()}
	case "answer", "refuse":
		return Answered{Result: w.result(c)}
	case "verify":
		return Verified{Previews: w.previews(c)}
	case "approve":
		approve := Approve{By: c.take("by")}
		if slices.Contains(c.words, "confirmed") {
			approve.Preview = w.job.Confirmed.Fingerprint
		}
		return approve
	case "reject":
		return Reject{By: c.take("by")}
	case "cancel":
		return Cancel{By: c.take("by")}
	case "replay":
		return Replay{By: c.take("by"), Participants: c.participants()}
	case "counted":
		return Counted{Previews: w.previews(c)}
	case "waive":
		return Waive{By: c.take("by"), Participant: events.Participant(c.words[0]), Reason: "gone for good"}
	case "renew":
		p := w.preview(c.take("seen"))
		p.At = p.At.Add(-c.duration("age"))
		if slices.Contains(c.words, "foreign") {
			p.Tenant = "t2"
		}
		return Renew{By: c.take("by"), Fingerprint: p.Fingerprint, Preview: p}
	case "hold", "release", "pause", "resume", "governor":
		return Guarded{By: "user-3", Change: GuardChange(c.verb)}
	case "restored":
		return Restored{By: c.take("by"), Participants: c.participants()}
	}
	return nil
}

// guard changes what stands around the job.
func (w *world) guard(c command) {
	g := &w.guards
	switch c.verb {
	case "hold":
		g.Holds = append(g.Holds, Hold{ID: int64(len(g.Holds) + 1), Tenant: "t1", Code: c.words[0], By: "user-3", At: w.now})
	case "release":
		g.Holds = slices.DeleteFunc(slices.Clone(g.Holds), func(h Hold) bool { return h.Code == c.words[0] })
	case "pause":
		g.Pause = &Pause{By: "user-3", Reason: "a wrong list", At: w.now}
	case "resume":
		g.Pause = nil
	case "governor":
		g.Governor.Max = c.number("max", 0)
		g.Governor.Begun, g.Governor.Planned = w.times(c.take("begun")), w.times(c.take("planned"))
	}
}

// times are distances from the epoch.
func (w *world) times(list string) (all []time.Time) {
	for text := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		d, _ := time.ParseDuration(text) // a bad one is the epoch
		all = append(all, worldEpoch.Add(d))
	}
	return all
}

// preview is what participants had when they were counted, as name:count,... says.
func (w *world) preview(seen string) Preview {
	var answers []events.Preview
	for entry := range strings.FieldsFuncSeq(seen, func(r rune) bool { return r == ',' }) {
		name, count, _ := strings.Cut(entry, ":")
		n, _ := strconv.ParseInt(count, 10, 64) // a bad count is none
		answers = append(answers, events.Preview{ServiceName: events.Participant(name), Counts: map[string]int64{"rows": n}})
	}
	p, _ := NewPreview("t1", w.now, answers)
	return p
}

func (w *world) result(c command) events.Result {
	r := events.Result{ServiceName: events.Participant(c.words[0]), Success: c.verb == "answer", Errors: []events.Problem{},
		TenantID: w.job.Tenant, JobID: w.job.ID, Generation: c.number("generation", w.job.Generation),
		Attempt: c.number("attempt", 1), Timestamp: w.now.Add(-c.duration("receipt")), RequestID: "request",
		Mode: "transaction", DurationMS: 7,
		DeletedCounts: map[string]int64{}}
	if tenant := c.take("tenant"); tenant != "" {
		r.TenantID = events.TenantID(tenant)
	}
	for code := range strings.FieldsFuncSeq(c.take("code"), func(r rune) bool { return r == ',' }) {
		r.Errors = append(r.Errors, events.Problem{Code: code, Detail: "stated"})
	}
	for table := range c.facts {
		r.DeletedCounts[table] = int64(c.number(table, 0))
	}
	return r
}

// previews are zero for the words, and what the facts say for the others: a count, or "error".
func (w *world) previews(c command) (previews []events.Preview) {
	for _, p := range c.participants() {
		previews = append(previews, events.Preview{TenantID: w.job.Tenant, ServiceName: p, Counts: map[string]int64{string(p): 0}})
	}
	for _, p := range slices.Sorted(maps.Keys(c.facts)) {
		preview := events.Preview{TenantID: w.job.Tenant, ServiceName: events.Participant(p), Counts: map[string]int64{p: 0}}
		if c.facts[p] == "error" { // then the counts mean nothing
			preview.Error = &events.Problem{Code: "database", Detail: "down"}
		} else {
			preview.Counts = map[string]int64{p: int64(c.number(p, 0)), "clean": 0}
		}
		previews = append(previews, preview)
	}
	return previews
}

// became takes the decision over and describes it.
func (w *world) became(from State, by string, d Decision, err error) string {
	var out strings.Builder
	switch {
	case err != nil:
		fmt.Fprintf(&out, "error: %v\n", err)
		return out.String()
	case !d.Changed:
		out.WriteString("unchanged\n")
	default:
		w.job = d.Job
		if from != d.Job.State {
			w.moved[move{from, by, d.Job.State}] = true
		}
		w.describe(&out)
	}
	for _, e := range d.Events {
		if _, err := events.Encode(e); err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
		}
		fmt.Fprintf(&out, "> %s %s\n", events.Subject(e), says(e.Data))
	}
	if len(d.Recount) > 0 {
		fmt.Fprintf(&out, "count %s\n", list(d.Recount))
	}
	if len(d.Verify) > 0 {
		fmt.Fprintf(&out, "verify %s\n", list(d.Verify))
	}
	return out.String()
}

func (w *world) describe(out *strings.Builder) {
	j := w.job
	fmt.Fprintf(out, "%s, version %d", j.State, j.Version)
	for _, fact := range []struct {
		name string
		at   time.Time
	}{{"due", j.DueAt}, {"wakes", j.WakeAt}, {"finished", j.FinishedAt}} {
		if !fact.at.IsZero() && (fact.name != "due" || j.PivotAt.IsZero()) {
			fmt.Fprintf(out, ", %s +%s", fact.name, fact.at.Sub(worldEpoch))
		}
	}
	if j.Round > 1 {
		fmt.Fprintf(out, ", round %d", j.Round)
	}
	if j.Cause != "" {
		fmt.Fprintf(out, ", because of %s", j.Cause)
	}
	out.WriteString("\n")
	if b := j.Blocked; b != nil {
		fmt.Fprintf(out, "blocked by %s [%s] since +%s: %s\n", b.Code, list(b.Participants), b.Since.Sub(worldEpoch), b.Action)
	}
	for _, s := range j.Steps {
		if s.State == StepPending {
			continue
		}
		fmt.Fprintf(out, "  %s: %s, attempt %d", s.Participant, s.State, s.Attempt)
		if s.Counts != nil {
			fmt.Fprintf(out, ", %v", s.Counts)
		}
		if len(s.Problems) > 0 {
			fmt.Fprintf(out, ", %s", codes(s.Problems))
		}
		if s.EraseAgain {
			fmt.Fprintf(out, ", residue %v after attempt %d", s.Residue, s.ResidueAttempt)
		}
		for _, pass := range s.Earlier {
			fmt.Fprintf(out, ", earlier %v up to attempt %d", pass.Counts, pass.Attempt)
		}
		if s.Waiver != nil {
			fmt.Fprintf(out, ", waiver by %s and %q", s.Waiver.By, s.Waiver.SecondBy)
		}
		if !s.VerifiedAt.IsZero() {
			out.WriteString(", verified")
		}
		out.WriteString("\n")
	}
}

// says is what an event tells, in short.
func says(data events.Payload) string {
	switch d := data.(type) {
	case *events.Command:
		text := fmt.Sprintf("wave %d attempt %d to %s", d.Wave, d.Attempt, list(d.Participants))
		if d.EraseAgain {
			text += ", erase again"
		}
		return text
	case *events.Outcome:
		return fmt.Sprintf("%s: %s [%s]", d.State, d.Reason, list(d.Participants))
	case *events.Deleted:
		text := fmt.Sprintf("total %d", d.Total)
		for _, pass := range d.Earlier {
			text += fmt.Sprintf(", round %d, earlier %s %v", d.Round, pass.ServiceName, pass.DeletedCounts)
		}
		for _, w := range d.Waived {
			text += fmt.Sprintf(", without %s, which %s waived", w.ServiceName, w.WaivedBy)
		}
		return text
	}
	return ""
}
