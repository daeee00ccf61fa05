package sqlplan

import (
	"maps"
	"slices"
	"strings"
)

// Rule says what happens to one table. A plan lists what is deleted and what is kept and why; the database says in which
// order.
//
// A table is named as it is written in the catalogue, case included: "orders" is a table of the plan's first schema,
// "billing.invoices" one of another schema. A part that contains a dot or a double quote is written in double quotes as in
// SQL. Columns, triggers and keys are always taken literally.
type Rule struct {
	spec RuleSpec
}

// RuleSpec is the parts of a rule, for rooms that read and write rules as data. A reason that is empty declares nothing:
// what it would allow stays refused.
type RuleSpec struct {
	// AcceptActions maps foreign keys into the table that act on its deletes to the reason why they may exist.
	AcceptActions map[string]string
	// AcceptNull is the reason why rows whose path is NULL are nobody's and stay.
	AcceptNull string
	// AcceptTriggers maps triggers that fire on deletes to what a person found them to do.
	AcceptTriggers map[string]string
	// By are the tenant columns; a row is the tenant's when any of them holds it. Empty means Config.TenantColumn, unless the
	// rows are reached through a parent.
	By []string
	// Ignore maps other tenant columns, which do not make a row the tenant's, to the reason.
	Ignore map[string]string
	// KeepNull is the reason why rows without a tenant are shared and stay.
	KeepNull string
	// Kept tables stay, for the reason.
	Kept bool
	// PairID and PairType are the columns of a polymorphic reference.
	PairID, PairType string
	// PairKept maps values of PairType whose rows stay to the reason.
	PairKept map[string]string
	// PairParents maps the other values of PairType to the table that PairID refers to then.
	PairParents map[string]string
	// Reason is why a kept table stays, or why the rows that Where leaves do.
	Reason string
	// Table is the table's name. Required.
	Table string
	// ViaColumn is (one of) the referencing column(s) of the path, ViaParent the table that it leads to.
	ViaColumn, ViaParent string
	// Where is a predicate: rows for which it is not true stay, for the Reason.
	Where string
	// WithoutKey is the reason why the path is followed by value: there is no foreign key.
	WithoutKey string
}

// Delete plans a table whose tenant column says which rows are the tenant's.
func Delete(table string) Rule { return Rule{RuleSpec{Table: table}} }

// Keep plans a table that stays, with the reason that the preview and the certificate show. A reason is required.
func Keep(table, reason string) Rule { return Rule{RuleSpec{Table: table, Kept: true, Reason: reason}} }

// RuleOf is the rule of a spec. What is wrong with it is found by Check, as with every rule.
func RuleOf(spec RuleSpec) Rule { return Rule{spec.clone()} }

// Spec is the parts of the rule.
func (r Rule) Spec() RuleSpec { return r.spec.clone() }

// By names the tenant column when it is not the plan's usual one. Of several columns any makes a row the tenant's.
func (r Rule) By(columns ...string) Rule { r.spec.By = slices.Clone(columns); return r }

// Ignoring declares that another tenant column does not make a row the tenant's. A table with several tenant columns must
// decide all of them.
func (r Rule) Ignoring(column, reason string) Rule {
	r.spec.Ignore = added(r.spec.Ignore, column, reason)
	return r
}

// Via reaches the rows through a parent: column is (one of) the referencing column(s) of the foreign key to it. The foreign
// key must exist and its columns must be NOT NULL, or rows could escape; WithoutKey and AcceptingNull say otherwise.
func (r Rule) Via(column, parent string) Rule {
	r.spec.ViaColumn, r.spec.ViaParent = column, parent
	return r
}

// WithoutKey declares that the path of Via has no foreign key: the column holds the parent's primary key by convention. The
// rows are deleted, and looked for once more, before their parents go; afterwards nobody can find them.
func (r Rule) WithoutKey(reason string) Rule { r.spec.WithoutKey = reason; return r }

// AcceptingNull declares that rows whose path of Via or ViaPair is NULL are nobody's and stay.
func (r Rule) AcceptingNull(reason string) Rule { r.spec.AcceptNull = reason; return r }

// ViaPair reaches the rows through a polymorphic reference: parents maps each value of the type column to the table whose
// primary key the id column holds then. Every value in the data must be in parents, or declared with KeepingType.
func (r Rule) ViaPair(typeColumn, idColumn string, parents map[string]string) Rule {
	r.spec.PairType, r.spec.PairID, r.spec.PairParents = typeColumn, idColumn, maps.Clone(parents)
	return r
}

// KeepingType declares that the rows of one type of ViaPair stay.
func (r Rule) KeepingType(value, reason string) Rule {
	r.spec.PairKept = added(r.spec.PairKept, value, reason)
	return r
}

// KeepingNull declares that rows without a tenant are shared and stay. Without it a nullable tenant column is refused.
func (r Rule) KeepingNull(reason string) Rule { r.spec.KeepNull = reason; return r }

// Where deletes only the tenant's rows for which the predicate is true; the others stay, for the reason. A predicate is
// comparisons joined by AND: column = literal, column <> literal, column IN (literal, ...), column IS NULL, column IS NOT NULL;
// a literal is true, false, a number or a 'text'. Tables that are reached through this one follow its predicate.
func (r Rule) Where(predicate, reason string) Rule {
	r.spec.Where, r.spec.Reason = predicate, reason
	return r
}

// AcceptingTrigger lets one trigger pass that fires on deletes, with what a person found it to do. What it leaves undone is
// still found by the proof; what it copies elsewhere is not.
func (r Rule) AcceptingTrigger(name, reason string) Rule {
	r.spec.AcceptTriggers = added(r.spec.AcceptTriggers, name, reason)
	return r
}

// AcceptingAction lets a foreign key into this table be ON DELETE CASCADE, SET NULL or SET DEFAULT. Each deletion proves
// first that the key has no row to act on, and is refused when there is one: no row changes uncounted.
func (r Rule) AcceptingAction(foreignKey, reason string) Rule {
	r.spec.AcceptActions = added(r.spec.AcceptActions, foreignKey, reason)
	return r
}

// added leaves the map of the rule it came from alone: rules are values.
func added(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

func (s RuleSpec) clone() RuleSpec {
	s.By = slices.Clone(s.By)
	for _, m := range []*map[string]string{&s.AcceptActions, &s.AcceptTriggers, &s.Ignore, &s.PairKept, &s.PairParents} {
		*m = maps.Clone(*m)
	}
	return s
}

// direct reports whether the table's own columns say which rows are the tenant's.
func (s *RuleSpec) direct() bool {
	return !s.Kept && s.ViaParent == "" && s.ViaColumn == "" && !s.paired()
}

// paired reports whether a polymorphic reference says which rows are the tenant's.
func (s *RuleSpec) paired() bool {
	return s.PairType != "" || s.PairID != "" || len(s.PairParents) > 0 || len(s.PairKept) > 0
}

// Mistake says what is wrong with the rule by itself, whatever the database looks like; empty when nothing is.
func (s RuleSpec) Mistake() string {
	path := s.ViaParent != "" || s.ViaColumn != "" || s.paired()
	switch {
	case s.Table == "":
		return "a rule names no table"
	case (s.Kept || s.Where != "") && s.Reason == "":
		return "keeping needs a reason"
	case s.Reason != "" && !s.Kept && s.Where == "":
		return "a reason without Keep or Where keeps nothing"
	case s.Kept && (path || len(s.By) > 0 || s.KeepNull != "" || s.Where != "" || s.AcceptNull != "" || s.WithoutKey != ""):
		return "a kept table takes no By, Via, Where or KeepingNull"
	case path && (len(s.By) > 0 || s.KeepNull != ""):
		return "Via excludes By and KeepingNull: the parent's column decides"
	case s.ViaParent == s.Table:
		return "a table is not its own parent"
	case !path && (s.WithoutKey != "" || s.AcceptNull != ""):
		return "WithoutKey and AcceptingNull belong to a Via"
	}
	return s.mistakenPath()
}

func (s *RuleSpec) mistakenPath() string {
	via := s.ViaParent != "" || s.ViaColumn != ""
	switch {
	case via && s.paired():
		return "Via and ViaPair exclude each other"
	case via && (s.ViaParent == "" || s.ViaColumn == ""):
		return "Via needs a column and a parent"
	case s.paired() && s.WithoutKey != "":
		return "WithoutKey belongs to Via: a pair never has a key"
	case s.paired() && (s.PairType == "" || s.PairID == "" || s.PairType == s.PairID || len(s.PairParents) == 0):
		return "ViaPair needs a type column, an id column and at least one parent"
	}
	for value, parent := range s.PairParents {
		if _, kept := s.PairKept[value]; kept {
			return "a type of ViaPair is either kept or has a parent"
		}
		if parent == "" {
			return "a type of ViaPair without a parent needs KeepingType with a reason"
		}
		if parent == s.Table {
			return "a table is not its own parent"
		}
	}
	return s.mistakenReason()
}

func (s *RuleSpec) mistakenReason() string {
	for _, m := range []map[string]string{s.AcceptActions, s.AcceptTriggers, s.Ignore, s.PairKept} {
		for name, reason := range m {
			if name == "" || reason == "" {
				return "Ignoring, KeepingType, AcceptingTrigger and AcceptingAction need a name and a reason"
			}
		}
	}
	return ""
}

// kept is why rows of the table stay; empty when all of the tenant's go.
func (s *RuleSpec) kept() string {
	reasons := []string{s.Reason, s.KeepNull, s.AcceptNull}
	for _, value := range slices.Sorted(maps.Keys(s.PairKept)) {
		reasons = append(reasons, value+": "+s.PairKept[value])
	}
	return strings.Join(slices.DeleteFunc(reasons, func(r string) bool { return r == "" }), "; ")
}
