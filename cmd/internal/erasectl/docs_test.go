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

func TestThePageOfTheBrokerShowsWhatCanBeTyped(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "nats.md"))
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, line := range strings.Split(string(page), "\n") {
		line, _, _ = strings.Cut(line, "  #")
		if strings.HasPrefix(strings.TrimSpace(line), "erasectl ") {
			shown[canBeTyped(t, line, typed(line))] = true
		}
	}
	require.Contains(t, shown, "erasectl nats keys")
	require.Contains(t, shown, "erasectl nats accounts")
	require.Contains(t, shown, "erasectl nats apply")
	for _, s := range newConsole().settings() {
		if strings.HasPrefix(s.flag, "nats-") && s.flag != "nats-url" {
			require.Contains(t, string(page), "`--"+s.flag+"`")
			require.Contains(t, string(page), "`"+s.env+"`")
		}
	}
}

func TestThePageShowsWhatCanBeTyped(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "cli.md"))
	require.NoError(t, err)
	shown := map[string]bool{}
	for _, block := range strings.Split(string(page), "```sh\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		for _, line := range strings.Split(code, "\n") {
			line, _, _ = strings.Cut(line, "  #")
			if args := typed(line); args != nil {
				shown[canBeTyped(t, line, args)] = true
			}
		}
	}
	require.Greater(t, len(shown), 25)
	for _, row := range app.ExitTable {
		require.Contains(t, string(page), fmt.Sprintf("\n| %d | %s |\n", row.Code, row.Meaning))
	}
	for _, s := range newConsole().settings() {
		require.Contains(t, string(page), "`--"+s.flag+"` | `"+s.env+"`")
	}
	for path, c := range commands(t) {
		if c.HasSubCommands() || path == "erasectl help" || path == "erasectl version" {
			continue
		}
		require.Contains(t, string(page), c.Name(), "%s is on the page", path)
	}
}
