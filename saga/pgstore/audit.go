package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var _ saga.Trail = (*Audit)(nil)

// Audit is the audit trail on PostgreSQL. Its role may insert and select; the tables are somebody else's. It is safe for any
// number of goroutines, and any number of them share a trail.
type Audit struct{ db *bun.DB }

// NewAudit makes it on a pool of its own with the audit trail's schema as its search_path: the chain is one row, and whoever
// records must not wait for a connection behind those who wait for that row.
func NewAudit(db *bun.DB) *Audit { return &Audit{db: db} }

// ErrNotProtected says that whoever writes the trail could change it.
var ErrNotProtected = errors.New("the role that writes the audit trail may change it: it must be no superuser, " +
	"and neither own the trail nor be a member of its owner")

// Check reports whether the trail is there and its writer can only append.
func (a *Audit) Check(ctx context.Context) error {
	var unprotected bool
	err := a.db.NewRaw(`SELECT bool_or(pg_has_role(c.relowner, 'MEMBER')
			OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE'))
		FROM pg_class c WHERE c.oid IN ('records'::regclass, 'chain'::regclass)`).Scan(ctx, &unprotected)
	if err == nil && unprotected {
		err = ErrNotProtected
	}
	if err != nil {
		return fmt.Errorf("pgstore: check audit trail: %w", err)
	}
	return nil
}

// auditRow is a row of records.
type auditRow struct {
	Number     int64     `bun:"number" json:"-"`
	At         time.Time `bun:"at" json:"-"`
	Action     string    `bun:"action" json:"action"`
	Phase      string    `bun:"phase" json:"phase"`
	Operation  string    `bun:"operation" json:"operation"`
	Actor      string    `bun:"actor" json:"actor"`
	OnBehalfOf string    `bun:"on_behalf_of" json:"on_behalf_of"`
	Token      string    `bun:"token" json:"token"`
	Roles      string    `bun:"roles" json:"roles"`
	Source     string    `bun:"source" json:"source"`
	Origin     string    `bun:"origin" json:"origin"`
	Tenant     string    `bun:"tenant" json:"tenant"`
	Job        string    `bun:"job" json:"job"`
	About      string    `bun:"about" json:"about"`
	Reason     string    `bun:"reason" json:"reason"`
	Code       string    `bun:"code" json:"code"`
	Hash       string    `bun:"hash" json:"-"`
}

const (
	auditColumns = "action, phase, operation, actor, on_behalf_of, token, roles, source, origin, tenant, job, about, reason, code"
	auditRecord  = "action text, phase text, operation text, actor text, on_behalf_of text, token text, roles text, source text, " +
		"origin text, tenant text, job text, about text, reason text, code text"
)

// Record implements saga.Auditor. Records that others write at the same time stand before or behind these.
func (a *Audit) Record(ctx context.Context, records ...saga.AuditRecord) error {
	if len(records) == 0 {
		return nil
	}
	rows := make([]auditRow, len(records))
	for i := range records {
		rows[i] = auditRowOf(records[i].Bounded())
	}
	text, err := document(rows)
	if err != nil {
		return fmt.Errorf("pgstore: record: %w", err)
	}
	_, err = a.db.NewRaw("INSERT INTO records ("+auditColumns+") SELECT "+auditColumns+` FROM
		ROWS FROM (jsonb_to_recordset(?::jsonb) AS (`+auditRecord+")) WITH ORDINALITY AS v("+auditColumns+`, place)
		ORDER BY place`, text).Exec(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: record: %w", err)
	}
	return nil
}

// Recorded implements saga.Trail.
func (a *Audit) Recorded(ctx context.Context, f saga.AuditFilter) ([]saga.AuditRecord, error) {
	if !storable(f.Actor, string(f.Job), f.Operation, string(f.Tenant)) {
		return nil, nil // no record can be like that
	}
	c := &conditions{}
	for _, text := range []struct{ condition, value string }{
		{"operation = ?", f.Operation}, {"tenant = ?", string(f.Tenant)}, {"job = ?", string(f.Job)},
	} {
		if text.value != "" {
			c.and(text.condition, text.value)
		}
	}
	if f.Actor != "" {
		c.and("(actor = ? OR on_behalf_of = ?)", f.Actor, f.Actor)
	}
	if f.Before != 0 {
		c.and("number < ?", f.Before)
	}
	if !f.Since.IsZero() {
		c.and("at >= ?", stored(f.Since))
	}
	if !f.Until.IsZero() {
		c.and("at < ?", stored(f.Until))
	}
	var rows []auditRow
	err := a.db.NewRaw("SELECT number, at, "+auditColumns+", hash FROM records WHERE "+c.String()+" ORDER BY number DESC LIMIT ?",
		append(c.args, saga.ListLimit(f.Limit))...).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("pgstore: list audit records: %w", err)
	}
	records := make([]saga.AuditRecord, len(rows))
	for i := range rows {
		records[i] = rows[i].record()
	}
	return records, nil
}

func auditRowOf(r saga.AuditRecord) auditRow {
	return auditRow{Action: r.Action, Phase: string(r.Phase), Operation: r.Operation, Actor: r.Actor, OnBehalfOf: r.OnBehalfOf,
		Token: r.Token, Roles: strings.Join(r.Roles, ","), Source: string(r.Source), Origin: r.Origin, Tenant: string(r.Tenant),
		Job: string(r.Job), About: r.About, Reason: r.Reason, Code: r.Code}
}

func (r *auditRow) record() saga.AuditRecord {
	record := saga.AuditRecord{Number: r.Number, At: r.At.UTC(), Hash: r.Hash, Action: r.Action, Phase: saga.AuditPhase(r.Phase),
		Operation: r.Operation, Actor: r.Actor, OnBehalfOf: r.OnBehalfOf, Token: r.Token, Source: events.Participant(r.Source),
		Origin: r.Origin, Tenant: events.TenantID(r.Tenant), Job: events.JobID(r.Job), About: r.About, Reason: r.Reason, Code: r.Code}
	if r.Roles != "" {
		record.Roles = strings.Split(r.Roles, ",")
	}
	return record
}
