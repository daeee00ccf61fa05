package yamlplan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestMergeNeverChangesWhatIsDecided(t *testing.T) {
	t.Parallel()
	decided := Table{RuleSpec: sqlplan.RuleSpec{Table: "a", Kept: true, Reason: "Ann said so"}, Comments: []string{"# Ann"}}
	asked := Table{RuleSpec: sqlplan.RuleSpec{Table: "b"}, Decide: "seen before", Comments: []string{"# Bob looks into it"}}
	answered := Table{RuleSpec: sqlplan.RuleSpec{Table: "c"}, Decide: "seen before", Comments: []string{"# Bob too"}}
	f := &File{Tables: []Table{decided, asked, answered}}
	changes := f.merge(&sqlplan.Proposal{
		Rules: []sqlplan.Rule{sqlplan.Delete("a").By("x"), sqlplan.Delete("c").By("x"), sqlplan.Delete("d").By("x")},
		Undecided: []sqlplan.Finding{{Table: "a", Text: "seen"}, {Table: "b", Text: "one", WayOut: "write\nit"},
			{Table: "b", Text: strings.Repeat("é", 300)}},
	})
	require.Equal(t, Changes{Added: []string{"c", "d"}, Undecided: []string{"b"}}, changes)
	require.Equal(t, decided, f.Tables[0])
	require.Equal(t, asked.Comments, f.Tables[1].Comments)
	require.Equal(t, []string{"to decide: write it"}, f.Tables[1].Notes)
	require.LessOrEqual(t, len(f.Tables[1].Decide), reasonBytesMax)
	require.Regexp(t, "^one; é+…$", f.Tables[1].Decide, "cut between characters")
	require.Equal(t, Table{RuleSpec: sqlplan.RuleSpec{Table: "c", By: []string{"x"}}, Comments: answered.Comments}, f.Tables[2])
	require.Len(t, f.Tables, 4)
}
