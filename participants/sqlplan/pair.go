package sqlplan

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// unnamedMax is how many unnamed types a look brings back.
const unnamedMax = 5

// className is the form of what programs write into a type column. Whatever else is found there is not repeated.
var className = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_:./\\]{0,63}$`)

// unnamedTypes is a query for the types of a pair that its rule does not name. Where an index begins with the type column it
// steps from one value to the next; elsewhere it reads the table.
func (j *judge) unnamedTypes(name string) string {
	rule, t := j.rules[name], j.tables[name]
	column := ident(rule.PairType)
	var named []string
	for _, m := range []map[string]string{rule.PairParents, rule.PairKept} {
		for _, value := range slices.Sorted(maps.Keys(m)) {
			named = append(named, quote(value))
		}
	}
	unnamed := "NOT IN (" + strings.Join(named, ", ") + ")"
	if !t.ordered(rule.PairType) {
		return fmt.Sprintf("SELECT DISTINCT t.%s::text FROM %s AS t WHERE t.%s::text %s LIMIT %d",
			column, t.from(), column, unnamed, unnamedMax)
	}
	return fmt.Sprintf("WITH RECURSIVE types AS ((SELECT t.%[1]s AS value FROM %[2]s AS t WHERE t.%[1]s IS NOT NULL"+
		" ORDER BY t.%[1]s LIMIT 1) UNION ALL SELECT (SELECT t.%[1]s FROM %[2]s AS t WHERE t.%[1]s > types.value"+
		" ORDER BY t.%[1]s LIMIT 1) FROM types WHERE types.value IS NOT NULL)"+
		" SELECT value::text FROM types WHERE value::text %[3]s LIMIT %[4]d", column, t.from(), unnamed, unnamedMax)
}

// judgeTypes looks for types in the data that no rule names. It waits until the rest is sound: a plan that is wrong may name
// columns that are not there.
func (j *judge) judgeTypes(ctx context.Context, s *session) error {
	if verdict(withoutHome(j.findings)) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(j.rules)) {
		if !j.deleted(name) || !j.rules[name].paired() {
			continue
		}
		results, err := s.run(ctx, statement{sql: j.unnamedTypes(name)})
		if err != nil {
			return fmt.Errorf("read types: %w", classified(err))
		}
		for _, row := range results[0].Rows {
			what := "a value"
			if value := string(row[0]); className.MatchString(value) {
				what = value
			}
			j.find(FindingPolymorphicType, SeverityDecide, name, "name it with ViaPair, or declare KeepingType with a reason",
				"column %s.%s holds %s, which the rule does not name", name, j.rules[name].PairType, what)
		}
	}
	return nil
}

// refuseUnnamed looks again, inside the deleting transaction: a row of a type that nobody has decided may be the tenant's.
func (w *erasing) refuseUnnamed(ctx context.Context) error {
	var asked []*target
	var statements []statement
	for _, t := range w.layout.tables {
		if t.types != "" {
			asked, statements = append(asked, t), append(statements, statement{sql: t.types})
		}
	}
	if len(asked) == 0 {
		return nil
	}
	results, err := w.s.run(ctx, statements...)
	if err != nil {
		return fmt.Errorf("read types: %w", err)
	}
	if at := slices.IndexFunc(results, func(r *pgconn.Result) bool { return len(r.Rows) > 0 }); at >= 0 {
		return participants.Refuse(participants.CodeUnplannedTable,
			"table %s holds rows of a type that its rule does not name: check the plan", asked[at].name)
	}
	return nil
}
