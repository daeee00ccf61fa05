package saga

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bakery-ia/tenant-deletion/events"
)

// AuditRecord is one line of the audit trail: what somebody wants to do, written before it is done, or what became of it. It
// holds ids, codes and references, and no tenant's data.
type AuditRecord struct {
	// Number, At and Hash are the trail's own: records have no gaps, and each hash is taken of the one before.
	Number int64
	At     time.Time
	Hash   string
	// Action is a random id that an intent and its outcome have in common; a refusal before any intent has one of its own.
	Action string
	Phase  AuditPhase
	// Operation is the operation's id in the OpenAPI document, also where a request came over the bus.
	Operation string
	// Actor is the token's subject, or who asked over the bus. OnBehalfOf is who a service says it asks for.
	Actor, OnBehalfOf string
	// Token is the id of his token, Roles are those it names.
	Token string
	Roles []string
	// Source is the service that asks; empty for a person.
	Source events.Participant
	// Origin is the address that the request came from, or OriginBus.
	Origin string
	Tenant events.TenantID
	Job    events.JobID
	// About is what else the action is about: a dead letter, a user, a participant.
	About string
	// Reason is the code or reference that the asker gave.
	Reason string
	// Code is what became of it: AuditDone, or the code of the refusal or failure. Empty in an intent.
	Code string
}

// AuditPhase tells an intent from its outcome.
type AuditPhase string

// The phases of an action. An intent without an outcome is an action that was cut short: its effect is in the job's history,
// if it had one.
const (
	AuditIntent  AuditPhase = "intent"
	AuditOutcome AuditPhase = "outcome"
)

const (
	// AuditDone is the code of an action that was done.
	AuditDone = "done"
	// OriginBus is the origin of what came over the bus.
	OriginBus = "bus"
	// AuditStart is the hash before the first record.
	AuditStart = "0000000000000000000000000000000000000000000000000000000000000000"
)

// auditTextMax bounds each text of a record: twice the longest id.
const auditTextMax = 256

// Sum is the hash that the record has behind another: SHA-256 of both, field by field, a line each. The trail's own tables say
// the same.
func (r AuditRecord) Sum(previous string) string {
	lines := []string{previous, strconv.FormatInt(r.Number, 10), r.At.UTC().Format("2006-01-02T15:04:05.000000Z"), r.Action,
		string(r.Phase), r.Operation, r.Actor, r.OnBehalfOf, r.Token, strings.Join(r.Roles, ","), string(r.Source), r.Origin,
		string(r.Tenant), string(r.Job), r.About, r.Reason, r.Code}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// Bounded is the record as a trail stores it: every text is printable, on one line, and not too long.
func (r AuditRecord) Bounded() AuditRecord {
	for _, text := range []*string{&r.Action, &r.Operation, &r.Actor, &r.OnBehalfOf, &r.Token, &r.Origin, &r.About, &r.Reason,
		&r.Code} {
		*text = bounded(*text)
	}
	r.Source, r.Tenant = events.Participant(bounded(string(r.Source))), events.TenantID(bounded(string(r.Tenant)))
	if roles := bounded(strings.Join(r.Roles, ",")); roles != "" {
		r.Roles = strings.Split(roles, ",")
	}
	return r
}

func bounded(text string) string {
	runes := []rune(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?'
		}
		return c
	}, printable(text)))
	return string(runes[:min(len(runes), auditTextMax)])
}

// Intent is the record as the intent of an action.
func (r AuditRecord) Intent(action string) AuditRecord {
	r.Action, r.Phase, r.Code = action, AuditIntent, ""
	return r
}

// Outcome is the record as what became of its action.
func (r AuditRecord) Outcome(code string) AuditRecord {
	r.Phase, r.Code = AuditOutcome, code
	return r
}

// CheckChain reports the first record that does not follow from the one before it. The records are in the order of their
// numbers; previous is the hash before the first of them.
func CheckChain(previous string, records ...AuditRecord) error {
	for i, r := range records {
		if i > 0 && r.Number != records[i-1].Number+1 {
			return fmt.Errorf("%w: the audit trail has no record %d", ErrInvariant, records[i-1].Number+1)
		}
		if r.Hash != r.Sum(previous) {
			return fmt.Errorf("%w: the audit trail is broken at record %d", ErrInvariant, r.Number)
		}
		previous = r.Hash
	}
	return nil
}

// Auditor writes the audit trail.
type Auditor interface {
	// Record appends records in their order, all or none. Whoever writes an intent acts only once it returned nil.
	Record(ctx context.Context, records ...AuditRecord) error
}

// AuditFilter selects records; zero fields select everything, and set fields must all hold.
type AuditFilter struct {
	Actor     string
	Before    int64 // keyset: only records older than this number
	Job       events.JobID
	Limit     int // as for jobs
	Operation string
	Since     time.Time // at or after
	Tenant    events.TenantID
	Until     time.Time // before
}

// Matches reports whether the filter selects a record; paging aside. It is what a Trail means by its query. An actor is found
// also where a service asks on his behalf.
func (f AuditFilter) Matches(r AuditRecord) bool {
	return (f.Actor == "" || f.Actor == r.Actor || f.Actor == r.OnBehalfOf) && (f.Job == "" || f.Job == r.Job) &&
		(f.Operation == "" || f.Operation == r.Operation) && (f.Tenant == "" || f.Tenant == r.Tenant) &&
		(f.Since.IsZero() || !r.At.Before(f.Since)) && (f.Until.IsZero() || r.At.Before(f.Until))
}

// Trail is an audit trail that can be read.
type Trail interface {
	Auditor
	// Recorded lists records, newest first.
	Recorded(ctx context.Context, f AuditFilter) ([]AuditRecord, error)
}
