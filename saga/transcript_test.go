package saga

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the transcripts of testdata; read the diff")

// TestTranscripts runs the jobs of testdata. A transcript is blocks of a command, a line of dashes, and what became of it;
// lines that begin with # are comments.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, path := range transcripts(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			written, err := os.ReadFile(path)
			require.NoError(t, err)
			got := retell(string(written), newWorld())
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
				return
			}
			require.Equal(t, string(written), got)
		})
	}
}

func transcripts(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// retell runs the commands of a transcript and writes it anew.
func retell(transcript string, w *world) string {
	var blocks []string
	for _, block := range strings.Split(strings.TrimSpace(transcript), "\n\n") {
		var told strings.Builder
		for line := range strings.Lines(block + "\n") {
			if strings.HasPrefix(line, "----") {
				break
			}
			told.WriteString(line)
			if strings.HasPrefix(line, "#") {
				continue
			}
			if became := w.run(line); became != "" {
				told.WriteString("----\n" + became)
			}
		}
		blocks = append(blocks, strings.TrimSpace(told.String()))
	}
	return strings.Join(blocks, "\n\n") + "\n"
}
