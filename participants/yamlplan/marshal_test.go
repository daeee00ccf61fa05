package yamlplan

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// awkward are texts that YAML reads as something else, or nearly.
var awkward = []string{"true", "null", "~", "1e3", "0x1F", "1_000", "007", "yes", "<<", "=", "? a", "- a", "a: b",
	"a #b", "#", "'", `"`, `\`,
	"&a", "*a", "!a", "%a", "@a", "`a", "{a}", "[a]", "a,b", ":", "-", "|", ">", "…", "日本", "we\"ird", "2026-11-24", ".inf", "🍞",
	"a: {b: c}",
	"select", `"my.schema"."we""ird"`, "o'brien", " leading", "trailing ", "---", "...", "a\\nb", "\u00a0a", "\ufeffa"}

func texts() *rapid.Generator[string] {
	printable := func(r rune) bool { return !unicode.IsControl(r) && r != unicode.ReplacementChar }
	printed := rapid.StringOfN(rapid.Rune().Filter(printable), 1, 150, 400).
		Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
	return rapid.OneOf(rapid.SampledFrom(awkward), printed)
}

func decisions() *rapid.Generator[sqlplan.RuleSpec] {
	reasons := rapid.MapOfN(texts(), texts(), 1, 3)
	return rapid.Custom(func(t *rapid.T) (s sqlplan.RuleSpec) {
		maybe := func(into *string, what string) {
			if rapid.Bool().Draw(t, "with "+what) {
				*into = texts().Draw(t, what)
			}
		}
		several := func(into *map[string]string, what string) {
			if rapid.Bool().Draw(t, "with "+what) {
				*into = reasons.Draw(t, what)
			}
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			s.Kept, s.Reason = true, texts().Draw(t, "keep")
			return s
		case 1:
			s.By = rapid.SliceOfNDistinct(texts(), 1, 3, rapid.ID).Draw(t, "by")
			maybe(&s.KeepNull, "keep_null")
		case 2:
			s.ViaColumn, s.ViaParent = texts().Draw(t, "column"), texts().Draw(t, "parent")
			maybe(&s.WithoutKey, "without_key")
			maybe(&s.AcceptNull, "accept_null")
		default:
			s.PairType, s.PairID = "type "+texts().Draw(t, "type"), "id "+texts().Draw(t, "id")
			s.PairParents = reasons.Draw(t, "parents")
			maybe(&s.AcceptNull, "accept_null")
			if rapid.Bool().Draw(t, "keeps") {
				s.PairKept = map[string]string{"kept " + texts().Draw(t, "kept type"): texts().Draw(t, "reason")}
			}
		}
		if maybe(&s.Where, "where"); s.Where != "" {
			s.Reason = texts().Draw(t, "keep")
		}
		several(&s.Ignore, "ignore")
		several(&s.AcceptTriggers, "accept_triggers")
		several(&s.AcceptActions, "accept_actions")
		return s
	})
}

func remarks() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom(nil, unicode.Latin, unicode.Digit, unicode.Punct), 1, 60, -1)
}

// files are files of every kind of table.
func files() *rapid.Generator[*File] {
	return rapid.Custom(func(t *rapid.T) *File {
		f := &File{Home: "own_home",
			Participant: events.Participant(rapid.StringMatching(`[a-z][a-z0-9_]{0,31}`).Draw(t, "participant")),
			Schemas:     rapid.SliceOfNDistinct(texts(), 1, 3, rapid.ID).Draw(t, "schemas"),
			Tenant: Tenant{Root: texts().Draw(t, "root") + ".id", Type: rapid.SampledFrom(Types).Draw(t, "type"),
				Columns: rapid.SliceOfNDistinct(texts(), 0, 2, rapid.ID).Draw(t, "columns")}}
		if len(f.Tenant.Columns) == 0 {
			f.Tenant.Columns = nil
		}
		for name := range rapid.MapOfN(texts(), rapid.Bool(), 1, 6).Draw(t, "tables") {
			name = sqlplan.TableName("", "table", name) // none that a path leads to
			table := Table{RuleSpec: sqlplan.RuleSpec{Table: name}}
			if rapid.Bool().Draw(t, "decided") {
				table.RuleSpec = decisions().Draw(t, "decision")
				table.Table = name
			} else {
				table.Decide = texts().Draw(t, "decide")
			}
			table.Notes = append(table.Notes, rapid.SliceOfN(remarks(), 0, 2).Draw(t, "notes")...)
			for _, comment := range rapid.SliceOfN(remarks(), 0, 2).Draw(t, "comments") {
				table.Comments = append(table.Comments, "# "+comment)
			}
			f.Tables = append(f.Tables, table)
		}
		f.sort()
		for _, comment := range rapid.SliceOfN(remarks(), 0, 2).Draw(t, "comments") {
			f.Comments = append(f.Comments, "# "+comment)
		}
		return f
	})
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := files().Draw(t, "file")
		text, err := f.Marshal()
		require.NoError(t, err)
		t.Logf("%s", text)
		read, err := Parse("plan.yaml", text)
		require.NoError(t, err)
		require.Equal(t, f, read)
		again, err := read.Marshal()
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
	})
}

func TestWhatFitsIsOneLine(t *testing.T) {
	t.Parallel()
	long := "a reason that is so long that it does not fit into one line together with everything else"
	f := &File{Participant: "crm", Home: "h", Schemas: []string{"public"}, Tenant: Tenant{Root: "a.id", Type: "text"}}
	f.Tables = []Table{
		{RuleSpec: sqlplan.RuleSpec{Table: "attachments", PairType: "record_type", PairID: "record_id",
			PairParents: map[string]string{"Card": "cards", "User": "users"}}},
		{RuleSpec: sqlplan.RuleSpec{Table: "b", By: []string{"x", "y"}, Ignore: map[string]string{"z": long},
			AcceptTriggers: map[string]string{"t": "read"}}},
	}
	text, err := f.Marshal()
	require.NoError(t, err)
	require.Equal(t, `participant: crm
home: h
schemas: [public]
tenant: {root: a.id, type: text}
tables:
  attachments: {via: {type: record_type, id: record_id, parents: {Card: cards, User: users}}}
  b:
    by: [x, y]
    ignore:
      z: `+long+`
    accept_triggers: {t: read}
`, string(text))
}
