package yamlplan

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestFindingsAreSaidInTheWordsOfTheFile(t *testing.T) {
	t.Parallel()

	t.Run("no word of sqlplan's rules is left in a way out", func(t *testing.T) {
		t.Parallel()
		sources, err := filepath.Glob(filepath.Join("..", "sqlplan", "*.go"))
		require.NoError(t, err)
		texts := regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
		rules := regexp.MustCompile(`\b(By|Via|ViaPair|Keep|Delete|AcceptingNull|AcceptingAction|AcceptingTrigger|KeepingNull|` +
			`KeepingType|WithoutKey|Ignoring)\b`)
		heard := 0
		for _, source := range sources {
			text, err := os.ReadFile(source)
			require.NoError(t, err)
			if filepath.Base(source) == "rule.go" || regexp.MustCompile(`_test\.go$`).MatchString(source) {
				continue // what a rule contradicts, the parser says in words of its own
			}
			for _, said := range texts.FindAllStringSubmatch(string(text), -1) {
				if rules.MatchString(said[1]) {
					heard++
					found := inWords(sqlplan.Finding{Text: said[1], WayOut: said[1]})
					require.NotRegexp(t, rules, found.WayOut, source)
				}
			}
		}
		require.Greater(t, heard, 10)
	})
	t.Run("SQL stays as it is", func(t *testing.T) {
		t.Parallel()
		found := sqlplan.Finding{Text: `key k of "with By"`, WayOut: `CREATE INDEX CONCURRENTLY ON "with By" ("Ignoring")`}
		require.Equal(t, found, inWords(found))
	})
	t.Run("what is stale is called as in the file", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "column KeepingNull is never null, and keep_null is declared",
			inWords(sqlplan.Finding{Text: "column KeepingNull is never null, and KeepingNull is declared"}).Text)
	})
}
