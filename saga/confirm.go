package saga

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Errors of confirmations that callers match. Those that refuse a request are a RefusedError with the same code.
var (
	ErrPreviewTenant  = errors.New("the preview is of another tenant")
	ErrPreviewExpired = errors.New("the preview is too old")
	// ErrPreviewMismatch says that an approval does not repeat the fingerprint of the preview that it approves.
	ErrPreviewMismatch = errors.New("the job's preview is another one")
	// ErrUncounted says that a participant cannot tell what it has now, so that nothing can be compared.
	ErrUncounted = errors.New("a participant cannot be counted now")
)

// Reasons for which a request is refused whose preview does not hold. The set is closed.
const (
	ReasonPreviewMissing = "preview_missing"         // the policy wants one, and the request names none
	ReasonPreviewUnknown = "preview_unknown"         // nobody has made it, or it is long forgotten
	ReasonPreviewTenant  = "preview_of_other_tenant" // it is another tenant's
	ReasonPreviewExpired = "preview_expired"         // it is older than the policy allows
)

// Preview is what every participant counted for a tenant at one time. It is kept, so that a request can confirm it by its
// fingerprint.
type Preview struct {
	Fingerprint string          `json:"fingerprint"`
	Tenant      events.TenantID `json:"tenant"`
	At          time.Time       `json:"at"`
	// Counts are the rows and files of each participant.
	Counts map[events.Participant]int64 `json:"counts"`
}

// NewPreview makes a preview of the answers of all participants; ok is false when one of them could not tell, or when nobody
// was asked: then there is nothing that could be confirmed.
func NewPreview(tenant events.TenantID, at time.Time, answers []events.Preview) (p Preview, ok bool) {
	p = Preview{Tenant: tenant, At: instant(at), Counts: make(map[events.Participant]int64, len(answers))}
	for i := range answers {
		if answers[i].Error != nil || answers[i].Counts == nil {
			return Preview{}, false
		}
		p.Counts[answers[i].ServiceName] = answers[i].Total()
	}
	p.Fingerprint = p.fingerprint()
	return p, len(answers) > 0
}

// fingerprint follows from the content: it cannot be made to stand for other counts, another tenant or another time.
func (p Preview) fingerprint() string {
	content, err := json.Marshal([]any{p.Tenant, p.At, p.Counts})
	if err != nil {
		panic(err) // a text, a time and a map of numbers
	}
	sum := sha256.Sum256(content)
	return "pv_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26]) // 130 bits
}

// Total is the number of rows and files that were counted.
func (p Preview) Total() (n int64) {
	for _, c := range p.Counts {
		n += c
	}
	return n
}

// Expired reports whether the preview is older than the policy lets a request confirm.
func (p Preview) Expired(policy Policy, now time.Time) bool {
	return now.Sub(p.At) > policy.withDefaults().PreviewAge
}

// Drift says what has changed since the preview beyond the policy's limits, participant by participant; empty when it still
// holds. The total may drift when no participant does: then it stands there alone.
func (p Preview) Drift(policy Policy, now Preview) (drifted []string) {
	policy = policy.withDefaults()
	beyond := func(then, now int64) bool {
		off := max(now-then, then-now)
		return off > policy.DriftRows && off > then/100*int64(policy.DriftPercent)+then%100*int64(policy.DriftPercent)/100
	}
	names := maps.Clone(now.Counts)
	maps.Copy(names, p.Counts)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if then, now := p.Counts[name], now.Counts[name]; beyond(then, now) {
			drifted = append(drifted, fmt.Sprintf("%s has %d instead of %d", name, now, then))
		}
	}
	if then, now := p.Total(), now.Total(); len(drifted) == 0 && beyond(then, now) {
		drifted = append(drifted, fmt.Sprintf("all together have %d instead of %d", now, then))
	}
	return drifted
}

// clone shares nothing with the preview.
func (p *Preview) clone() *Preview {
	if p == nil {
		return nil
	}
	c := *p
	c.Counts = maps.Clone(p.Counts)
	return &c
}

// PreviewStore keeps previews until they are swept.
type PreviewStore interface {
	// KeepPreview stores a preview under its fingerprint. It is safe to call again.
	KeepPreview(ctx context.Context, p Preview) error
	// Preview reads one; ErrNotFound when there is none.
	Preview(ctx context.Context, fingerprint string) (Preview, error)
}

// Counted are the previews that participants gave just before the first delete. A participant that did not answer is not in
// it.
type Counted struct{ Previews []events.Preview }

// Renew confirms another preview for a job that has not begun. What needs a second person's approval needs it again.
type Renew struct {
	By string
	// Fingerprint names the preview; whoever feeds the input reads it.
	Fingerprint string
	Preview     Preview
}

func (Counted) kind() string { return "counted" }
func (Renew) kind() string   { return "renew" }

// needsApproval reports whether a second person must approve: by policy, or for what the deletion would take. An unknown size
// is too large.
func (t *turn) needsApproval() bool {
	above := t.job.Policy.ApprovalAbove
	return t.job.Policy.Approval || above > 0 && (t.job.Confirmed == nil || t.job.Confirmed.Total() > above)
}

// recount asks every participant once more before the first delete: the grace may have been days.
func (t *turn) recount() {
	t.wait(ReasonCounting, nil, "Wait: what the tenant has is counted once more before the first delete.",
		t.now.Add(t.job.Policy.patience(1)))
	t.changed = true
	t.recounts = t.job.participants(func(Step) bool { return true })
}

// onCounted begins when what was confirmed still holds. Who cannot tell is asked again later; a drift is for a person.
func (t *turn) onCounted(previews []events.Preview) error {
	if t.job.State != StateScheduled || t.job.Confirmed == nil || t.job.Blocked == nil || t.job.Blocked.Code != ReasonCounting {
		return nil
	}
	answered := map[events.Participant]bool{}
	for i := range previews {
		p := &previews[i]
		if p.TenantID != t.job.Tenant || t.job.indexOf(p.ServiceName) < 0 {
			return fmt.Errorf("%w: preview of %s", ErrMismatch, p.ServiceName)
		}
		answered[p.ServiceName] = p.Error == nil && p.Counts != nil
	}
	silent := t.job.participants(func(s Step) bool { return !answered[s.Participant] })
	if len(silent) > 0 {
		t.wait(ReasonCounting, silent,
			"Bring back "+list(silent)+", to be counted before the first delete: the question is repeated by itself.",
			t.now.Add(t.job.Policy.patience(1)))
		return nil
	}
	now, _ := NewPreview(t.job.Tenant, t.now, previews)
	if drifted := t.job.Confirmed.Drift(t.job.Policy, now); len(drifted) > 0 {
		t.wait(ReasonDrifted, nil, "Confirm a new preview, or cancel the job: "+strings.Join(drifted, ", ")+".", time.Time{})
		return nil
	}
	t.recounted = true
	t.begin()
	return nil
}

// onRenew takes another preview as the confirmed one.
func (t *turn) onRenew(in Renew) error {
	switch {
	case t.job.State.Final():
		return t.notNow()
	case !t.job.PivotAt.IsZero():
		return ErrPastPivot
	case in.Preview.Tenant != t.job.Tenant:
		return ErrPreviewTenant
	case in.Preview.Expired(t.job.Policy, t.now):
		return ErrPreviewExpired
	}
	t.note.By = in.By
	t.job.Confirmed, t.changed = in.Preview.clone(), true
	switch {
	case t.needsApproval():
		t.await()
	case t.job.State == StateScheduled:
		t.job.Blocked = nil // whatever it was: what stands there is said anew
		t.begin()
	}
	return nil
}

// confirmedBy refuses an approval that does not repeat what it approves.
func (j Job) confirmedBy(fingerprint string) error {
	if j.Confirmed != nil && fingerprint != j.Confirmed.Fingerprint {
		return ErrPreviewMismatch
	}
	return nil
}
