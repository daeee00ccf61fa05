package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// unused are words for which we have a better one. "status" is missing here because HTTP has one.
var unused = regexp.MustCompile(
	`(?i)\b(workflows?|orchestrat\w*|tasks?|purg(e|es|ed|ing)|dry[ _-]?runs?|managers?|helpers?|utils?)\b`)

// wordsIn splits a name at its capitals, so that purgeAll and DryRun are seen too.
var wordsIn = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// exempt files have to name what they forbid, or what somebody else calls so.
var exempt = map[string]string{
	"cmd/internal/archtest/words_test.go": "the list itself",
	"cmd/internal/archtest/shape_test.go": "names that say nothing",
}

func TestWords(t *testing.T) {
	t.Parallel()

	t.Run("the law bites", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"// The orchestrator starts it.", "purgeAll", "DryRun", "stepManager", "a dry run"} {
			require.Regexp(t, unused, spread(text))
		}
		for _, text := range []string{"multitasking", "utilisation", "The coordinator starts it."} {
			require.NotRegexp(t, unused, spread(text))
		}
	})
	t.Run("comments and names use the house's words", func(t *testing.T) {
		t.Parallel()
		var wrong []string
		check := func(s source, at token.Pos, text string) {
			if word := unused.FindString(text); word != "" {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %s", s.path, s.set.Position(at).Line, word))
			}
		}
		for _, s := range sources(t) {
			if _, ok := exempt[s.path]; ok {
				continue
			}
			for _, group := range s.file.Comments {
				check(s, group.Pos(), group.Text())
			}
			for _, name := range declared(s.file) {
				check(s, name.Pos(), spread(name.Name))
			}
		}
		empty(t, wrong)
	})
}

func spread(name string) string { return wordsIn.ReplaceAllString(name, "$1 $2") }

// declared are the names that a file gives itself; what it uses of others is not its choice.
func declared(file *ast.File) (names []*ast.Ident) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			names = append(names, n.Name)
		case *ast.TypeSpec:
			names = append(names, n.Name)
		case *ast.ValueSpec:
			names = append(names, n.Names...)
		case *ast.Field:
			names = append(names, n.Names...)
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok {
					names = append(names, name)
				}
			}
		}
		return true
	})
	return names
}
