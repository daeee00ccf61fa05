package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the README shows as Go is taken from a file that compiles and is tested.
func TestReadmeShowsWhatCompiles(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	loyalty, err := os.ReadFile(filepath.Join(root, "participants", "example", "loyalty", "loyalty.go"))
	require.NoError(t, err)
	blocks := strings.Split(string(readme), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		require.Contains(t, string(loyalty), code)
	}
}
