package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Role is what somebody is. A role allows nothing by itself but what the table of rules says.
type Role string

// Roles. The set is closed; whatever else a token names is passed over.
const (
	RoleAdmin    Role = "admin"    // administrator of the platform
	RoleAuditor  Role = "auditor"  // reads jobs and the audit trail
	RoleOperator Role = "operator" // may what his scopes say
	RoleOwner    Role = "owner"    // a person; what he owns is read from the tenant service's tables
	RoleService  Role = "service"  // another service of the platform
)

// Scope is one thing that somebody may do.
type Scope string

// Scopes. The set is closed.
const (
	ScopeAuditRead    Scope = "audit:read"
	ScopeApprove      Scope = "deletions:approve"
	ScopeCancel       Scope = "deletions:cancel"
	ScopeHold         Scope = "deletions:hold"
	ScopePause        Scope = "deletions:pause"
	ScopeRead         Scope = "deletions:read"
	ScopeReplay       Scope = "deletions:replay"
	ScopeWaive        Scope = "deletions:waive"
	ScopeWrite        Scope = "deletions:write"
	ScopeDeadLetters  Scope = "deadletters:manage"
	ScopeParticipants Scope = "participants:manage"
)

// AllRoles are the roles there are.
func AllRoles() []Role { return []Role{RoleAdmin, RoleAuditor, RoleOperator, RoleOwner, RoleService} }

// AllScopes are the scopes there are.
func AllScopes() []Scope {
	return []Scope{ScopeAuditRead, ScopeApprove, ScopeCancel, ScopeHold, ScopePause, ScopeRead, ScopeReplay, ScopeWaive, ScopeWrite,
		ScopeDeadLetters, ScopeParticipants}
}

// implied are the scopes that a role has without naming them. An administrator does not read the audit trail: it is about him.
var implied = map[Role][]Scope{
	RoleAdmin:   slices.DeleteFunc(AllScopes(), func(s Scope) bool { return s == ScopeAuditRead }),
	RoleAuditor: {ScopeAuditRead, ScopeRead},
}

// Roles are those of one caller.
type Roles []Role

// Has reports whether the role is one of them.
func (r Roles) Has(role Role) bool { return slices.Contains(r, role) }

// Scopes are those of one caller.
type Scopes []Scope

// Has reports whether the scope is one of them.
func (s Scopes) Has(scope Scope) bool { return slices.Contains(s, scope) }

// With adds the scopes that roles have without naming them.
func (s Scopes) With(roles Roles) Scopes {
	all := slices.Clone(s)
	for _, role := range roles {
		all = append(all, implied[role]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Rule says who may call an operation. Its fields are alternatives: one that fits is enough.
type Rule struct {
	// Admin lets administrators of the platform, where no scope does.
	Admin bool
	// Open lets everybody, without asking who it is.
	Open bool
	// Owner lets the owner of the tenant that the request is about, and nobody's else.
	Owner bool
	// Requester lets an owner read the job that he asked for, also when its tenant, and with it his ownership, is gone.
	Requester bool
	// Scope lets whoever has it.
	Scope Scope
	// Service lets the services of the platform.
	Service bool
}

// rules is the one table of who may do what. An operation's id is looked up without what follows an underscore: the routes of
// single services have one rule.
var rules = map[string]Rule{
	"livez":  {Open: true},
	"readyz": {Open: true},

	"submitJob":    {Scope: ScopeWrite, Owner: true, Service: true},
	"deleteTenant": {Scope: ScopeWrite, Owner: true},
	"cancelJob":    {Scope: ScopeCancel, Owner: true},
	"approveJob":   {Scope: ScopeApprove},
	"rejectJob":    {Scope: ScopeApprove},
	"renewPreview": {Scope: ScopeWrite, Owner: true},
	"waiveStep":    {Scope: ScopeWaive},

	"previewTenant": {Scope: ScopeRead, Owner: true},
	"createPreview": {Scope: ScopeWrite, Owner: true}, // it is kept, and can be confirmed
	"listJobs":      {Scope: ScopeRead, Owner: true},
	"getJob":        {Scope: ScopeRead, Owner: true, Requester: true},
	"listJobEvents": {Scope: ScopeRead, Owner: true, Requester: true},
	"followJob":     {Scope: ScopeRead, Owner: true, Requester: true},

	"replayJob":   {Scope: ScopeReplay},
	"replayJobs":  {Scope: ScopeReplay},
	"announceJob": {Scope: ScopeReplay},

	"listDeadLetters":   {Scope: ScopeDeadLetters}, // their messages are shown
	"getDeadLetter":     {Scope: ScopeDeadLetters},
	"resendDeadLetter":  {Scope: ScopeDeadLetters},
	"discardDeadLetter": {Scope: ScopeDeadLetters},

	"listHolds":       {Scope: ScopeRead},
	"holdTenant":      {Scope: ScopeHold},
	"releaseHold":     {Scope: ScopeHold},
	"getControls":     {Scope: ScopeRead},
	"pauseDeletions":  {Scope: ScopePause},
	"resumeDeletions": {Scope: ScopePause},

	"listParticipants": {Scope: ScopeRead},
	"setRoster":        {Scope: ScopeParticipants},

	"listAudit": {Scope: ScopeAuditRead},

	"eraseService":   {Service: true}, // a deletion outside of any job is no person's
	"previewService": {Service: true},

	"listAdmins":        {Admin: true, Owner: true, Service: true},
	"transferOwnership": {Admin: true, Owner: true},
	"removeMemberships": {Admin: true, Service: true},
}

// ruleName is the key of an operation in the table.
func ruleName(operation string) string {
	name, _, _ := strings.Cut(operation, "_")
	return name
}

// Permits reports whether the caller may, whatever the request is about. What it leaves open is whether he is the owner.
func (r Rule) Permits(c Caller) bool {
	return r.Open || r.Scope != "" && c.Scopes.Has(r.Scope) || r.Admin && c.Admin() || r.Service && c.Roles.Has(RoleService)
}

// Anyone are the scopes and roles of which one is enough, in the document's order. There are none where everybody may.
func (r Rule) Anyone() (words []string) {
	if r.Open {
		return nil
	}
	if r.Scope != "" {
		words = append(words, string(r.Scope))
	}
	for _, role := range AllRoles() {
		alone := Caller{Roles: Roles{role}, Scopes: Scopes{}.With(Roles{role})}
		if r.Permits(alone) || r.Owner && role == RoleOwner {
			words = append(words, string(role))
		}
	}
	return words
}

// Target is what a request is about.
type Target struct {
	// Tenant is empty when the request names none.
	Tenant events.TenantID
	// Job is the job that the path names; empty when it names none.
	Job events.JobID
	// RequestedBy asked for the job.
	RequestedBy string
}

// everyRule compares the table with the operations of the whole API.
var everyRule = sync.OnceValue(func() error {
	whole, err := assemble(AuthoriserFunc(refuseAll), wholeConfig(map[string]events.Participant{"any": "any"}))
	if err != nil {
		return err
	}
	return idleRules(rules, whole.ruled)
})

// idleRules names the rules of a table that no operation has: their names are mistyped, or their operations are gone.
func idleRules(table map[string]Rule, ruled map[string]bool) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !ruled[name] {
			errs = append(errs, fmt.Errorf("httpapi: rule %s: there is no such operation", name))
		}
	}
	return errors.Join(errs...)
}
