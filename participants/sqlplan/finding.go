package sqlplan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// Severity says what a finding means for a deletion.
type Severity string

// Severities, the gravest first.
const (
	SeverityRefuse Severity = "refuse" // no deletion until it is mended
	SeverityDecide Severity = "decide" // a person must decide; no deletion until then
	SeverityWarn   Severity = "warn"   // deletions run, but somebody should look
	SeverityInfo   Severity = "info"   // worth knowing
)

var severities = []Severity{SeverityRefuse, SeverityDecide, SeverityWarn, SeverityInfo}

// Codes of a Finding. The set grows; readers keep what they do not know.
const (
	FindingCascade         = "cascade"          // a foreign key acts on deletes
	FindingCycle           = "cycle"            // tables that refer to each other, or a path that leads back to its beginning
	FindingDenied          = "denied"           // this connection's role lacks a privilege
	FindingForeignSchema   = "foreign_schema"   // a table outside the plan's schemas refers into it or inherits from it
	FindingHome            = "home"             // the engine's own tables are missing
	FindingKeptReferrer    = "kept_referrer"    // a kept table refers to one that is deleted
	FindingKeptTenant      = "kept_tenant"      // a kept table has a tenant column
	FindingNoFence         = "no_fence"         // late writers are not refused
	FindingNoTable         = "no_table"         // the plan names what the catalogue does not have
	FindingNullablePath    = "nullable_path"    // rows whose path is NULL would stay
	FindingNullableTenant  = "nullable_tenant"  // rows without a tenant would stay
	FindingNullableWhere   = "nullable_where"   // rows whose predicate is unknown would stay
	FindingPath            = "path"             // the declared path cannot be followed
	FindingPathType        = "path_type"        // a path by value compares different types
	FindingPolymorphicType = "polymorphic_type" // a type value that the rule does not name
	FindingRowSecurity     = "row_security"     // policies would hide rows
	FindingRule            = "rule"             // a rewrite rule on DELETE
	FindingRuleMistake     = "rule_mistake"     // a rule that contradicts itself or another
	FindingSize            = "size"             // a result could not hold the counts
	FindingStayingReferrer = "staying_referrer" // rows that stay may refer to rows that go
	FindingStale           = "stale"            // a declaration about something that is not there any more
	FindingTenantType      = "tenant_type"      // a tenant column whose type compares differently
	FindingTrigger         = "trigger"          // a trigger fires on deletes
	FindingUndecidedColumn = "undecided_column" // a tenant column that the rule does not mention
	FindingUnindexedKey    = "unindexed_key"    // each deleted row would scan a table
	FindingUnplannedTable  = "unplanned_table"  // a table without a rule
	FindingWhere           = "where"            // a predicate that cannot be used
)

// Finding is one thing that the comparison of a plan with the catalogue found. It names tables, columns, keys and types of
// references, never rows.
type Finding struct {
	// Code is one of the Finding constants.
	Code string `json:"code"`
	// Severity says what it means for a deletion.
	Severity Severity `json:"severity"`
	// Table is the table's name as rules write it; empty when it is about the plan as a whole.
	Table string `json:"table,omitempty"`
	// Text says what was found.
	Text string `json:"text"`
	// WayOut says what mends it, with the SQL to run where there is one.
	WayOut string `json:"way_out,omitempty"`
}

// Findings compares the plan with the live catalogue and tells everything it finds, the gravest first. Check refuses for
// those of SeverityRefuse and SeverityDecide. It has no effect, and is safe to call again.
func (p *Plan) Findings(ctx context.Context) ([]Finding, error) {
	var j *judge
	err := p.withSession(ctx, func(s *session) (err error) {
		j, err = p.judged(ctx, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlplan: compare %s: %w", p.cfg.Service, err)
	}
	return sortedFindings(j.findings), nil
}

func sortedFindings(findings []Finding) []Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.Table, b.Table), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
	})
	return sorted
}

// withoutHome are the findings about the service's own tables.
func withoutHome(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Code == FindingHome })
}

// answers are the codes that a participant answers with, by finding; every other is CodePlanInvalid. What endangers tenants'
// data comes first: a stranger sees a limited number of characters.
var answers = map[string]string{
	FindingUnplannedTable: participants.CodeUnplannedTable, FindingForeignSchema: participants.CodeUnplannedTable,
	FindingPolymorphicType: participants.CodeUnplannedTable,
	FindingRowSecurity:     participants.CodeHiddenRows, FindingRule: participants.CodeHiddenRows,
	FindingTrigger: participants.CodeHiddenRows,
}

// verdict refuses for every finding that a deletion must not pass over.
func verdict(findings []Finding) error {
	rank := []string{participants.CodeUnplannedTable, participants.CodeHiddenRows, participants.CodePlanInvalid}
	answer := func(f Finding) string { return cmp.Or(answers[f.Code], participants.CodePlanInvalid) }
	var grave []Finding
	for _, f := range findings {
		if f.Severity == SeverityRefuse || f.Severity == SeverityDecide {
			grave = append(grave, f)
		}
	}
	if len(grave) == 0 {
		return nil
	}
	slices.SortStableFunc(grave, func(a, b Finding) int {
		return slices.Index(rank, answer(a)) - slices.Index(rank, answer(b))
	})
	texts := make([]string, len(grave))
	for i, f := range grave {
		texts[i] = f.Text
		if f.WayOut != "" {
			texts[i] += ": " + f.WayOut
		}
	}
	return &participants.RefusedError{Code: answer(grave[0]), Detail: strings.Join(texts, "; ")}
}
