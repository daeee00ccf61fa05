package saga

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Hold is a legal hold on a tenant: while one stands, no deletion of the tenant begins.
type Hold struct {
	ID     int64 // the store's, from 1; zero before it is stored
	Tenant events.TenantID
	// Code is the reason as a code, Reason in a person's words, without tenant data. Reference names the case elsewhere.
	Code      string
	Reason    string
	Reference string
	By        string
	At        time.Time
	// Released is nil while the hold stands.
	Released *Release
}

// Release ends a hold.
type Release struct {
	By     string
	Reason string
	At     time.Time
}

// HoldFilter selects holds; zero fields select every one that stands.
type HoldFilter struct {
	Before   int64 // keyset: only holds older than this id
	Limit    int   // as for jobs
	Released bool  // those that were released too
	Tenant   events.TenantID
}

// Bounds of what a person says about a guard: a sentence or two, and a case number.
const (
	guardReasonMax    = 200
	guardReferenceMax = 128
)

var (
	codeForm  = regexp.MustCompile(`^[a-z][a-z_]{0,63}$`)
	actorForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
)

// Check reports whether a hold can be set.
func (h Hold) Check() error {
	errs := []error{h.Tenant.Validate(), checkWords(h.By, h.Reason)}
	if !codeForm.MatchString(h.Code) {
		errs = append(errs, fmt.Errorf("code: %w: must be a code of a-z and _, at most 64", events.ErrInvalid))
	}
	if utf8.RuneCountInString(h.Reference) > guardReferenceMax || printable(h.Reference) != h.Reference {
		errs = append(errs, fmt.Errorf("reference: %w: must be printable, at most %d characters", events.ErrInvalid, guardReferenceMax))
	}
	return errors.Join(errs...)
}

// Check reports whether a hold can be ended like this.
func (r Release) Check() error { return checkWords(r.By, r.Reason) }

// Stored is the hold with its time as it is stored.
func (h Hold) Stored() Hold {
	h.At = instant(h.At)
	return h
}

// Stored is the release with its time as it is stored.
func (r Release) Stored() Release {
	r.At = instant(r.At)
	return r
}

// Matches reports whether the filter selects a hold; paging aside.
func (f HoldFilter) Matches(h Hold) bool {
	return (f.Released || h.Released == nil) && (f.Tenant == "" || h.Tenant == f.Tenant)
}

// checkWords reports whether a person has a name and a reason.
func checkWords(by, reason string) error {
	var errs []error
	if !actorForm.MatchString(by) {
		errs = append(errs, fmt.Errorf("by: %w: must be an opaque id", events.ErrInvalid))
	}
	if n := utf8.RuneCountInString(reason); strings.TrimSpace(reason) == "" || n > guardReasonMax || printable(reason) != reason {
		errs = append(errs, fmt.Errorf("reason: %w: must say why in 1 to %d characters", events.ErrInvalid, guardReasonMax))
	}
	return errors.Join(errs...)
}

func heldAction(holds []Hold) string {
	first := holds[0]
	which := fmt.Sprintf("legal hold %d (%s)", first.ID, first.Code)
	if n := len(holds); n > 1 {
		which = fmt.Sprintf("%d legal holds, beginning with %d (%s)", n, first.ID, first.Code)
	}
	return "Release the " + which + ": the job then goes on by itself; or cancel the job."
}
