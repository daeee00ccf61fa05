package yamlplan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

const head = `participant: crm
home: tenant_deletion
schemas: [public, billing]
tenant: {root: organizations.id, type: uuid}
tables:
`

const whole = `# Ours.
participant: crm
home: tenant_deletion
schemas: [public, billing]
tenant: {root: organizations.id, type: uuid, columns: [org_id]}
tables:
  organizations: {by: id}
  #: index: none on cards (project_id)
  # Asked Ann.
  cards: {via: {column: project_id, parent: projects}}
  notes: {via: {column: card_id, parent: cards, accept_null: "nobody's"}} # by Bob
  links: {via: {column: card_id, parent: cards, without_key: "older than the key"}}
  comments:
    via: {type: on_type, id: on_id, parents: {Card: cards, Project: projects}, keep: {Page: "pages are public"}}
  projects: {by: org_id, accept_triggers: {touch: "sets a time"}, accept_actions: {cards_fk: "none is left"}}
  transfers: {by: [from_org, to_org]}
  invites: {by: from_org, ignore: {to_org: "the guest's"}, keep_null: "drafts"}
  templates: {by: org_id, where: is_system = false, keep: "system templates are shared"}
  countries: {keep: "catalogue of all tenants"}
  audit: {decide: "no path"}
`

func TestParse(t *testing.T) {
	t.Parallel()

	t.Run("reads every kind of table, sorted, with its comments", func(t *testing.T) {
		t.Parallel()
		f, err := Parse("plan.yaml", []byte(whole))
		require.NoError(t, err)
		spec := func(name string, s sqlplan.RuleSpec) Table { s.Table = name; return Table{RuleSpec: s} }
		cards := spec("cards", sqlplan.RuleSpec{ViaColumn: "project_id", ViaParent: "projects"})
		cards.Notes, cards.Comments = []string{"index: none on cards (project_id)"}, []string{"# Asked Ann."}
		notes := spec("notes", sqlplan.RuleSpec{ViaColumn: "card_id", ViaParent: "cards", AcceptNull: "nobody's"})
		notes.Comments = []string{"# by Bob"}
		audit := spec("audit", sqlplan.RuleSpec{})
		audit.Decide = "no path"
		require.Equal(t, &File{Participant: "crm", Home: "tenant_deletion", Schemas: []string{"public", "billing"},
			Tenant: Tenant{Root: "organizations.id", Type: "uuid", Columns: []string{"org_id"}}, Comments: []string{"# Ours."},
			Tables: []Table{
				audit, cards,
				spec("comments", sqlplan.RuleSpec{PairType: "on_type", PairID: "on_id",
					PairParents: map[string]string{"Card": "cards", "Project": "projects"},
					PairKept:    map[string]string{"Page": "pages are public"}}),
				spec("countries", sqlplan.RuleSpec{Kept: true, Reason: "catalogue of all tenants"}),
				spec("invites", sqlplan.RuleSpec{By: []string{"from_org"}, Ignore: map[string]string{"to_org": "the guest's"},
					KeepNull: "drafts"}),
				spec("links", sqlplan.RuleSpec{ViaColumn: "card_id", ViaParent: "cards",
					WithoutKey: "older than the key"}),
				notes,
				spec("organizations", sqlplan.RuleSpec{By: []string{"id"}}),
				spec("projects", sqlplan.RuleSpec{By: []string{"org_id"}, AcceptTriggers: map[string]string{"touch": "sets a time"},
					AcceptActions: map[string]string{"cards_fk": "none is left"}}),
				spec("templates", sqlplan.RuleSpec{By: []string{"org_id"}, Where: "is_system = false",
					Reason: "system templates are shared"}),
				spec("transfers", sqlplan.RuleSpec{By: []string{"from_org", "to_org"}}),
			}}, f)
		require.Equal(t, []string{"audit"}, f.Undecided())
		require.Len(t, f.Rules(), 10)
	})
	t.Run("takes the line ends and the mark of other systems", func(t *testing.T) {
		t.Parallel()
		want, err := Parse("plan.yaml", []byte(whole))
		require.NoError(t, err)
		f, err := Parse("plan.yaml", []byte("\ufeff"+strings.ReplaceAll(whole, "\n", "\r\n")))
		require.NoError(t, err)
		require.Equal(t, want, f)
	})
	t.Run("a table that nobody decided is refused by name before anything runs", func(t *testing.T) {
		t.Parallel()
		f, err := Parse("plan.yaml", []byte(whole))
		require.NoError(t, err)
		_, err = f.Plan(nil, sqlplan.Config{})
		require.ErrorIs(t, err, participants.ErrRefused)
		require.ErrorContains(t, err, "1 to decide: audit;")
	})
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		text string
		at   string // line:column
		says string
	}{
		"nothing":                     {"", "1:1", "erasectl plan generate"},
		"a text that is no YAML":      {"participant: crm\nhome: [a\nb: c\n", "3:1", "no YAML"},
		"a text that is not text":     {head + "\x00", "1:1", "no YAML"},
		"two documents":               {head + "  a: {by: id}\n---\nb: c\n", "1:1", "second document"},
		"a list":                      {"- |\n  participant: a\n- a\n", "1:1", "is no plan"},
		"a text with lines of a plan": {"|\nhome: a\ntenant: b\n", "2:1", "no YAML"},
		"a plan of one key":           {"participant: crm\n", "1:1", "is no plan"},
		"an unknown key":              {head + "  a: {by: id}\nextra: 1\n", "7:1", "no key extra; there are participant, home"},
		"a key that is missing":       {"participant: crm\nschemas: x\n", "1:1", "home is missing"},
		"a key that is there twice": {"participant: crm\nparticipant: crm\n" + strings.Replace(head, "participant: crm\n", "", 1) +
			"  a: {by: id}\n", "2:1", "twice, first in line 1"},
		"a participant's name":     {strings.Replace(head, "crm", "CRM", 1) + "  a: {by: id}\n", "1:14", "participant"},
		"a home that needs quotes": {strings.Replace(head, "tenant_deletion", "Tenant", 1) + "  a: {by: id}\n", "2:7", "home"},
		"a home among the schemas": {strings.Replace(head, "tenant_deletion", "billing", 1) + "  a: {by: id}\n",
			"1:1", "schema of their own"},
		"a root without a column": {strings.Replace(head, "organizations.id", "organizations", 1) + "  a: {by: id}\n",
			"4:16", "TABLE.COLUMN"},
		"a type of tenant": {strings.Replace(head, "type: uuid", "type: citext", 1) + "  a: {by: id}\n",
			"4:40", "bigint, integer"},
		"no table":         {strings.TrimSuffix(head, "\n") + " {}\n", "5:9", "deletes nothing"},
		"tables in a list": {head + "  - a\n", "6:3", "want key: value"},
		"a table that is there twice": {head + "  a: {by: id}\n  b: {by: id}\n  a: {keep: x}\n", "8:3",
			"twice, first in line 6"},
		"a table of which nothing is said": {head + "  a: {}\n", "6:3", "nothing is said of its rows"},
		"a table with no value":            {head + "  a:\n", "6:5", "want key: value"},
		"a misspelt key of a table":        {head + "  a: {bye: id}\n", "6:7", "no key bye; there are by, ignore"},
		"a misspelt key of a path": {head + "  a: {via: {colum: x, parent: b}}\n",
			"6:13", "no key colum; there are column, parent"},
		"a path without a parent":          {head + "  a: {via: {column: x}}\n", "6:12", "parent is missing"},
		"a pair without parents":           {head + "  a: {via: {type: x, id: y}}\n", "6:12", "parents is missing"},
		"a pair of nothing":                {head + "  a: {via: {type: x, id: y, parents: {}}}\n", "6:38", "is empty"},
		"a reason that is missing":         {head + "  a: {keep: }\n", "6:13", "a text is missing"},
		"a reason that is empty":           {head + "  a: {keep: \"  \"}\n", "6:13", "the text is empty"},
		"a reason that is too long":        {head + "  a: {keep: " + strings.Repeat("x", 513) + "}\n", "6:13", "longer than 512"},
		"a reason in two lines":            {head + "  a:\n    keep: |\n      one\n      two\n", "7:11", "in one line"},
		"a reason that is a number":        {head + "  a: {keep: 12}\n", "6:13", "in quotes"},
		"a column that is true":            {head + "  a: {by: true}\n", "6:11", "in quotes"},
		"a column that is there twice":     {head + "  a: {by: [x, x]}\n", "6:15", "twice"},
		"no column":                        {head + "  a: {by: []}\n", "6:11", "a list of texts"},
		"a column in a mapping":            {head + "  a: {by: {x: y}}\n", "6:11", "want a text"},
		"an anchor":                        {head + "  a: &x {by: id}\n", "6:6", "no anchors"},
		"an alias":                         {head + "  a: {by: &x id}\n  b: {by: *x}\n", "6:11", "write it out"},
		"a merge":                          {head + "  a: {<<: {by: id}}\n", "6:7", "no text for YAML"},
		"a tag":                            {head + "  a: {by: !x id}\n", "6:11", "no text for YAML"},
		"a table's name":                   {head + "  a.b.c: {by: id}\n", "6:3", "SCHEMA.NAME"},
		"a table's name with a quote":      {head + "  a\"b: {by: id}\n", "6:3", "in double quotes"},
		"a table that YAML takes for true": {head + "  true: {by: id}\n", "6:3", "in quotes"},
		"a decision beside decide":         {head + "  a: {by: id, decide: x}\n", "6:3", "remove decide"},
		"a predicate without a reason":     {head + "  a: {by: id, where: x = 1}\n", "6:3", "where needs keep"},
		"a predicate of nothing":           {head + "  a: {where: x = 1, keep: y}\n", "6:3", "no other key"},
		"a path beside a column":           {head + "  a: {by: x, via: {column: y, parent: z}}\n", "6:3", "exclude each other"},
		"a table kept and deleted":         {head + "  a: {by: x, keep: y}\n", "6:3", "or write where"},
		"null rows of a path":              {head + "  a: {via: {column: y, parent: z}, keep_null: x}\n", "6:3", "accept_null"},
		"an exception of nothing":          {head + "  a: {ignore: {x: y}}\n", "6:3", "write by, via or keep"},
		"a kept table with more":           {head + "  a: {keep: x, ignore: {x: y}}\n", "6:3", "no other key"},
		"a path to itself":                 {head + "  a: {via: {column: x, parent: a}}\n", "6:3", "the table itself"},
		"a pair of one column":             {head + "  a: {via: {type: x, id: x, parents: {y: z}}}\n", "6:3", "same column"},
		"a type kept and deleted": {head + "  a: {via: {type: x, id: w, parents: {y: z}, keep: {y: k}}}\n",
			"6:3", "remove one"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("plan.yaml", []byte(c.text))
			require.ErrorIs(t, err, events.ErrInvalid)
			require.ErrorContains(t, err, "plan.yaml:"+c.at+": ")
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	t.Run("all at once, each with its line and a caret below", func(t *testing.T) {
		t.Parallel()
		_, err := Parse("plan.yaml", []byte(head+"  a: {bye: id}\n  \"b\\u001b\": {keep: \"\"}\n"))
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.ErrorContains(t, err, "(and 1 more)")
		require.Equal(t, `plan.yaml:6:7: table a: there is no key bye; there are by, ignore, keep_null, via, where, keep, `+
			`accept_triggers, accept_actions, decide
     6 |   a: {bye: id}
       |       ^
plan.yaml:7:3: tables: a key: has line breaks or control characters: write it in one line
     7 |   "b\u001b": {keep: ""}
       |   ^
`, invalid.Explain())
	})
	t.Run("a long line is cut around the caret", func(t *testing.T) {
		t.Parallel()
		_, err := Parse("p", []byte(head+"  a: {keep: "+strings.Repeat("x", 200)+", bye: id, by: "+strings.Repeat("y", 200)+"}\n"))
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		shown := strings.Split(invalid.Explain(), "\n")
		require.Equal(t, strings.Index(shown[1], "bye"), strings.Index(shown[2], "^"))
		require.Less(t, len(shown[1]), 115)
	})
	t.Run("of a file that is no plan nothing is shown", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"SUASECRET", "seed: SUASECRET\n", "SUASECRET: [x\n", "home: SUASECRET\n"} {
			_, err := Parse("p", []byte(text))
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			require.NotContains(t, invalid.Explain(), "SECRET")
		}
	})
	t.Run("no more than twenty", func(t *testing.T) {
		t.Parallel()
		_, err := Parse("p", []byte(head+strings.Repeat("  true: x\n", 50)))
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Len(t, invalid.Faults, faultsMax)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(head + "  a: {by: [x, \"y\"]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("p", text)
		if err != nil {
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			require.NotEmpty(t, invalid.Error()+invalid.Explain())
			return
		}
		written, err := file.Marshal()
		require.NoError(t, err)
		again, err := Parse("p", written)
		require.NoError(t, err)
		require.Equal(t, file.Tables, again.Tables)
	})
}
