package events

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"
)

// Bounds of what a stranger may send; each is several times the largest value of the reference platform.
const (
	participantsMax = 256
	tablesMax       = 1024
	problemsMax     = 64
	detailBytesMax  = 512
	earlierMax      = 1024
	askedSecondsMax = 365 * 24 * 60 * 60 // a year of grace is a request that somebody forgot
	yearMax         = 9999               // what RFC 3339 and every JSON reader can write down
	countMax        = 1<<53 - 1          // the largest integer that every JSON reader reads exactly
)

var (
	keyForm     = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	reasonForm  = regexp.MustCompile(`^[a-z][a-z_]{0,63}$`)
	previewForm = regexp.MustCompile(`^pv_[a-z2-7]{26}$`)
	tableForm   = regexp.MustCompile(`^[^\x00-\x1f]{1,255}$`)
)

func invalid(field, want string) error { return fmt.Errorf("%s: %w: %s", field, ErrInvalid, want) }

func (p *Submitted) validate() error {
	_, sourceErr := ParseParticipant(string(p.Source))
	return errors.Join(p.TenantID.Validate(), sourceErr,
		must(keyForm.MatchString(p.RequestID), "request_id", "must be 1 to 128 of A-Z a-z 0-9 _ . : -"),
		must(keyForm.MatchString(p.RequestedBy), "requested_by", "must be 1 to 128 of A-Z a-z 0-9 _ . : -"),
		must(reasonForm.MatchString(p.Reason), "reason", "must be a code of a-z and _, at most 64"),
		must(p.Preview == "" || previewForm.MatchString(p.Preview), "preview", "must be a fingerprint: pv_ and 26 of a-z 2-7"),
		must(p.NotBefore == nil || p.NotBefore.Year() <= yearMax, "not_before", "must be before the year 10000"),
		p.Policy.validate())
}

func (p *RequestPolicy) validate() error {
	if p == nil {
		return nil
	}
	return errors.Join(
		must(p.GraceSeconds >= 0 && p.GraceSeconds <= askedSecondsMax, "policy.grace_seconds", "must be 0 to 31536000"),
		must(p.DeadlineSeconds >= 0 && p.DeadlineSeconds <= askedSecondsMax, "policy.deadline_seconds", "must be 0 to 31536000"))
}

// Validate reports what a publisher would be refused for, field by field.
func (p *Submitted) Validate() error { return p.validate() }

func (c *Command) validate() error {
	errs := []error{
		checkJob(c.JobID, c.TenantID, c.Generation),
		must(c.Wave >= 1, "wave", "must be 1 or more"),
		must(c.Attempt >= 1, "attempt", "must be 1 or more"),
		must(len(c.Participants) >= 1 && len(c.Participants) <= participantsMax, "participants", "must name 1 to 256"),
		must(reasonForm.MatchString(c.Reason), "reason", "must be a code of a-z and _, at most 64"),
		must(!c.RequestedAt.IsZero(), "requested_at", "missing"),
		must(c.ExpiresAt.After(c.RequestedAt), "expires_at", "must be after requested_at"),
	}
	for _, p := range c.Participants {
		_, err := ParseParticipant(string(p))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *Result) validate() error {
	_, nameErr := ParseParticipant(string(r.ServiceName))
	errs := []error{
		nameErr, checkJob(r.JobID, r.TenantID, r.Generation),
		must(r.Attempt >= 1, "attempt", "must be 1 or more"),
		must(r.RequestID != "" && len(r.RequestID) <= 128, "request_id", "must be 1 to 128 characters"),
		must(r.DeletedCounts != nil, "deleted_counts", "missing"),
		must(r.Errors != nil && len(r.Errors) <= problemsMax, "errors", "must be a list of at most 64"),
		must(r.Success == (len(r.Errors) == 0), "success", "must be true exactly when errors is empty"),
		must(!r.Timestamp.IsZero(), "timestamp", "missing"),
		must(r.DurationMS >= 0, "duration_ms", "must not be negative"),
		must(r.Mode == "" || r.Mode == "transaction" || r.Mode == "bounded", "mode", "must be transaction or bounded"),
		checkCounts(r.DeletedCounts),
	}
	for _, p := range r.Errors {
		errs = append(errs, must(reasonForm.MatchString(p.Code), "errors.code", "must be a code of a-z and _"),
			must(len(p.Detail) <= detailBytesMax, "errors.detail", "must be at most 512 bytes"))
	}
	return errors.Join(errs...)
}

func (o *Outcome) validate() error {
	errs := []error{checkJob(o.JobID, o.TenantID, o.Generation),
		must(reasonForm.MatchString(o.State), "state", "must be a state"),
		must(reasonForm.MatchString(o.Reason), "reason", "must be a code of a-z and _"),
		must(len(o.Participants) <= participantsMax, "participants", "must name at most 256"),
		must(!o.At.IsZero(), "at", "missing"),
		must(o.RequestID == "" || keyForm.MatchString(o.RequestID), "request_id", "must be 1 to 128 of A-Z a-z 0-9 _ . : -"),
	}
	if o.Source != "" {
		_, err := ParseParticipant(string(o.Source))
		errs = append(errs, err)
	}
	for _, p := range o.Participants {
		_, err := ParseParticipant(string(p))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (d *Deleted) validate() error {
	errs := []error{
		checkJob(d.JobID, d.TenantID, d.Generation),
		must(len(d.DeletedCounts) >= 1 && len(d.DeletedCounts) <= participantsMax, "deleted_counts", "must name 1 to 256"),
		checkTimes(d.SubmittedAt, d.CompletedAt),
	}
	var total int64
	for p, counts := range d.DeletedCounts {
		_, err := ParseParticipant(string(p))
		errs = append(errs, err, checkCounts(counts))
		for _, n := range counts {
			if total += n; total < 0 { // participants and tables of the largest count would pass the end of int64
				return invalid("total", "must be the sum of deleted_counts")
			}
		}
	}
	errs = append(errs, must(d.Round >= 0, "round", "must be 1 or more"),
		must(len(d.Earlier) <= earlierMax, "earlier", "must be at most 1024 passes"))
	for i := range d.Earlier {
		_, err := ParseParticipant(string(d.Earlier[i].ServiceName))
		errs = append(errs, err, checkCounts(d.Earlier[i].DeletedCounts),
			must(!d.Earlier[i].ErasedAt.IsZero(), "earlier.erased_at", "missing"))
	}
	errs = append(errs, must(len(d.Waived) <= participantsMax, "waived", "must be at most 256 participants"))
	for i := range d.Waived {
		_, err := ParseParticipant(string(d.Waived[i].ServiceName))
		errs = append(errs, err, must(keyForm.MatchString(d.Waived[i].WaivedBy), "waived.waived_by", "must be an opaque id"),
			must(!d.Waived[i].WaivedAt.IsZero(), "waived.waived_at", "missing"))
	}
	return errors.Join(append(errs, must(total == d.Total, "total", "must be the sum of deleted_counts"))...)
}

func (p *Progress) validate() error {
	_, nameErr := ParseParticipant(string(p.ServiceName))
	_, jobErr := ParseJobID(string(p.JobID))
	return errors.Join(nameErr, jobErr, p.TenantID.Validate(), must(p.Deleted >= 0, "deleted", "must not be negative"),
		must(p.Attempt >= 1, "attempt", "must be 1 or more"),
		must(p.Table == "" || tableForm.MatchString(p.Table), "table", "must be a table name"))
}

func checkJob(job JobID, tenant TenantID, generation int) error {
	_, jobErr := ParseJobID(string(job))
	return errors.Join(jobErr, tenant.Validate(), must(generation >= 1, "generation", "must be 1 or more"))
}

func checkCounts(counts map[string]int64) error { return checkCountsOf("deleted_counts", counts) }

func checkCountsOf(field string, counts map[string]int64) error {
	if counts == nil {
		return invalid(field, "missing")
	}
	if len(counts) > tablesMax {
		return invalid(field, "must name at most 1024 tables")
	}
	for table, n := range counts {
		if n < 0 || n > countMax || !tableForm.MatchString(table) || !utf8.ValidString(table) {
			return invalid(field, "must map table names to counts of 0 to 2^53-1")
		}
	}
	return nil
}

func checkTimes(submitted, completed time.Time) error {
	return must(!submitted.IsZero() && !completed.Before(submitted), "completed_at", "must not be before submitted_at")
}

func must(ok bool, field, want string) error {
	if ok {
		return nil
	}
	return invalid(field, want)
}
