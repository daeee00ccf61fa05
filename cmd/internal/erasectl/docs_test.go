package erasectl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

func TestThePageShowsWhatCanBeTyped(t *testing.T) {
	t.Parallel()
	page, shown := typedPage(t, "cli.md")
	require.Greater(t, len(shown), 25)
	for _, row := range app.ExitTable {
		require.Contains(t, page, fmt.Sprintf("\n| %d | %s |\n", row.Code, row.Meaning))
	}
	for _, s := range newConsole().settings() {
		require.Contains(t, page, "`--"+s.flag+"` | `"+s.env+"`")
	}
	for path, c := range commands(t) {
		if c.HasSubCommands() || path == "erasectl help" || path == "erasectl version" {
			continue
		}
		require.Contains(t, page, c.Name(), "%s is on the page", path)
	}
}

func TestThePageOfPlansShowsWhatCanBeTyped(t *testing.T) {
	t.Parallel()
	_, shown := typedPage(t, "plans.md")
	for _, command := range []string{"generate", "check", "preview", "grants"} {
		require.Contains(t, shown, "erasectl plan "+command)
	}
}

// typedPage holds every command of a page to the command tree.
func typedPage(t *testing.T, name string) (page string, shown map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	require.NoError(t, err)
	shown = map[string]bool{}
	for _, block := range strings.Split(string(text), "```sh\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		for _, line := range strings.Split(code, "\n") {
			line, _, _ = strings.Cut(line, "  #")
			if args := typed(line); args != nil {
				shown[canBeTyped(t, line, args)] = true
			}
		}
	}
	return string(text), shown
}
