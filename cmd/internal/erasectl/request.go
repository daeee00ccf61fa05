package erasectl

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

var reasonForm = regexp.MustCompile(`^[a-z][a-z_]{0,63}$`)

// reasons that are usual; any code of the form is allowed.
var reasons = []string{"contract_ended", "erasure_request", "tenant_deleted", "trial_ended"}

// requestFlags are what a request says beyond the tenant.
type requestFlags struct {
	reason, key, notBefore, requestedBy, grace, deadline, preview string
	approval, wait                                                bool
	confirmation                                                  httpapi.Confirmation
}

func (k *console) requestCommand() *cobra.Command {
	var r requestFlags
	c := &cobra.Command{Use: "request TENANT", Short: "Ask for the deletion of a tenant",
		Long: `Ask for the deletion of everything a tenant has, in every participant. Shows first what would be deleted, and asks for
the tenant id once more; --confirm TENANT says it in scripts. --preview FINGERPRINT confirms what erasectl preview showed: the
deletion begins only while the tenant has about the same.

The same --key is the same request, however often it is sent. A tenant that is being deleted already yields the job that
is there. --grace, --approval and --deadline ask for more care than the coordinator's own policy; never for less.

A coordinator that knows the tenant service's rules wants the tenant's name repeated, and a word about its other
administrators. On a terminal it is asked for; scripts say it with --confirm-name, --confirm-other-admins (as the owner) or
--override-reason (as an administrator of the platform; it is recorded).

With --wait it ends when the job is over: 0 completed, 6 refused, rejected, cancelled or failed, 7 when --timeout was over
first.`,
		Example: `  erasectl request 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --reason contract_ended
  erasectl request bakery-17 --reason erasure_request --key ticket-4711 --confirm bakery-17 --wait --timeout 30m
  erasectl request bakery-17 --reason contract_ended --preview pv_k3xq7m2vb5tzr4wly6ncd2hgfa --confirm bakery-17
  erasectl request bakery-17 --reason trial_ended --grace 3d --approval --not-before 2026-12-01
  erasectl request bakery-17 --reason trial_ended --confirm-name "Bakery Smith" --override-reason ticket-4711`,
		Args: exactly(argTenant), ValidArgsFunction: first(k.liveTenants)}
	f := c.Flags()
	f.StringVar(&r.reason, "reason", "", "why, as a code of a-z and _, for example contract_ended; required")
	f.StringVar(&r.key, "key", "", "idempotency key, default a new one")
	f.StringVar(&r.notBefore, "not-before", "", "no delete before this time, day, or distance like 3d")
	f.StringVar(&r.requestedBy, "requested-by", "",
		"opaque id of who wants it, default who asks; only services may name somebody else")
	f.StringVar(&r.preview, "preview", "", "fingerprint of the preview that was looked at")
	f.StringVar(&r.grace, "grace", "", "wait at least so long before the first delete, like 72h or 3d; cancel is free in it")
	f.BoolVar(&r.approval, "approval", false, "a second person must approve")
	f.StringVar(&r.deadline, "deadline", "", "should have ended within so long, like 10d")
	r.addConfirmation(c)
	f.BoolVar(&r.wait, "wait", false, "wait until the job is over")
	complete(c, "reason", fixed(reasons))
	completeNothing(c, "key", "not-before", "requested-by", "preview", "grace", "deadline", "confirm")
	guard := addConfirm(c, "the tenant id")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		job, err := r.newJob(events.TenantID(args[0]), k.now())
		if err != nil {
			return err
		}
		if err := guard.check(k, args[0]); err != nil {
			return err
		}
		k.waits = r.wait
		return k.request(c.Context(), job, r, guard)
	})
	return c
}

// newJob checks the flags, and makes the body of them.
func (r *requestFlags) newJob(tenant events.TenantID, now time.Time) (job httpapi.NewJob, err error) {
	job = httpapi.NewJob{TenantID: tenant, Reason: r.reason, RequestedBy: r.requestedBy, Preview: r.preview,
		Confirmation: r.confirmation}
	if err := checkFingerprint(r.preview); err != nil {
		return job, err
	}
	if !reasonForm.MatchString(r.reason) {
		return job, app.Usage("--reason: want a code of a-z and _, at most 64, for example contract_ended")
	}
	for flag, value := range map[string]string{"key": r.key, "requested-by": r.requestedBy,
		"override-reason": r.confirmation.OverrideReason} {
		if value != "" && checkKey(value) != nil {
			return job, app.Usage("--%s: %w", flag, checkKey(value))
		}
	}
	if r.notBefore != "" {
		at, err := parseMoment("not-before", r.notBefore, now, 1)
		if err != nil {
			return job, err
		}
		job.NotBefore = &at
	}
	policy := events.RequestPolicy{Approval: r.approval}
	if policy.GraceSeconds, err = parseSeconds("grace", r.grace); err != nil {
		return job, err
	}
	if policy.DeadlineSeconds, err = parseSeconds("deadline", r.deadline); err != nil {
		return job, err
	}
	if policy != (events.RequestPolicy{}) {
		job.Policy = &policy
	}
	return job, nil
}

var fingerprintForm = regexp.MustCompile(`^pv_[a-z2-7]{26}$`)

func checkFingerprint(text string) error {
	if text != "" && !fingerprintForm.MatchString(text) {
		return app.Usage("--preview: want the fingerprint that erasectl preview shows, pv_ and 26 of a-z 2-7")
	}
	return nil
}

func parseSeconds(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := parseDistance(text)
	if err != nil || d < time.Second {
		return 0, app.Usage("--%s: want a time of a second or more, like 72h or 3d", flag)
	}
	return int64(d / time.Second), nil
}

// request shows what goes, asks, sends, and waits.
func (k *console) request(ctx context.Context, body httpapi.NewJob, r requestFlags, guard *confirmation) error {
	a, err := k.client()
	if err != nil {
		return err
	}
	var totals map[events.Participant]int64
	if !guard.changed() {
		preview, err := a.keepPreview(ctx, body.TenantID)
		if err != nil {
			return err
		}
		if body.Preview == "" { // what is shown is what is confirmed
			body.Preview = preview.Fingerprint
		}
		totals = totalsOf(preview)
		k.aside(func(p *paper) { p.preview(preview) })
	}
	question := fmt.Sprintf("This deletes tenant %s for ever.", body.TenantID)
	if err := guard.ask(ctx, k, string(body.TenantID), question); err != nil {
		return err
	}
	key := r.key
	if key == "" {
		key = "erasectl-" + uuid.NewString()
	}
	job, err := k.submitConfirmed(ctx, a, key, body, guard)
	if err != nil {
		return err
	}
	if job.RequestID != key {
		k.say("tenant %s has an open job already: this is it", job.TenantID)
	}
	if r.wait {
		if job, err = k.await(ctx, a, job, totals); err != nil {
			return err
		}
	}
	if err := k.show(job, func(p *paper) { p.job(job) }); err != nil {
		return err
	}
	if r.wait {
		return verdictOf(&job)
	}
	k.say("follow it with: %s", k.again("watch", string(job.JobID)))
	return nil
}

// aside shows people something that is no data.
func (k *console) aside(draw func(*paper)) {
	p := k.paper()
	p.paint = false
	draw(p)
	// A failed write to standard error has nobody to be told.
	_, _ = k.err.Write(p.text.Bytes())
}

// submit asks for a deletion. When nobody answers, it may have been accepted all the same: the key makes repeating safe.
func (a *api) submit(ctx context.Context, key string, body httpapi.NewJob) (job httpapi.Job, err error) {
	_, _, err = a.do(ctx, call{method: http.MethodPost, path: jobsPath, body: body, about: "tenant " + string(body.TenantID),
		header: map[string]string{"Idempotency-Key": key}}, &job)
	if err != nil && (transient(err) || ctx.Err() != nil) {
		return job, fmt.Errorf("%w; with --key %s the same request can be sent again", err, key)
	}
	return job, err
}

// keepPreview counts a tenant; the fingerprint is empty when a participant cannot tell.
func (a *api) keepPreview(ctx context.Context, tenant events.TenantID) (preview httpapi.Preview, err error) {
	path := "/api/v1/tenants/" + string(tenant) + "/deletion-previews"
	_, _, err = a.do(ctx, call{method: http.MethodPost, path: path, about: "tenant " + string(tenant)}, &preview)
	return preview, err
}

// preview counts a tenant and keeps nothing.
func (a *api) preview(ctx context.Context, tenant events.TenantID) (preview httpapi.Preview, err error) {
	path := "/api/v1/tenants/" + string(tenant) + "/deletion-preview"
	_, _, err = a.do(ctx, call{path: path, about: "tenant " + string(tenant)}, &preview)
	return preview, err
}

func (k *console) previewCommand() *cobra.Command {
	c := &cobra.Command{Use: "preview TENANT", Short: "Count what a deletion would delete, and change nothing",
		Long: `Ask every participant what a deletion of the tenant would delete now: exact counts, table by table, and what is kept and
why. Nothing is changed. A participant that cannot tell is named, and the preview is incomplete then.

A complete one has a fingerprint: erasectl request --preview FINGERPRINT confirms what was seen.`,
		Example: `  erasectl preview 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl preview bakery-17 -o json`,
		Args: exactly(argTenant), ValidArgsFunction: first(k.liveTenants)}
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		preview, err := a.keepPreview(c.Context(), events.TenantID(args[0]))
		if err != nil {
			return err
		}
		return k.show(preview, func(p *paper) { p.preview(preview) })
	})
	return c
}
