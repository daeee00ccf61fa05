package saga

import (
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var arrow = regexp.MustCompile(`^(\w+) ─+(\w+)─+► `)

// drawn are the arrows of the drawing in doc.go.
func drawn(t *testing.T) map[move]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	arrows := map[move]bool{}
	for line := range strings.Lines(file.Doc.Text()) {
		rest := strings.TrimSpace(line) + " "
		for {
			found := arrow.FindStringSubmatch(rest)
			if found == nil {
				break
			}
			rest = rest[len(found[0]):]
			to, _, _ := strings.Cut(rest, " ")
			m := move{State(found[1]), found[2], State(to)}
			require.NotContains(t, arrows, m, "an arrow is drawn once")
			arrows[m] = true
		}
	}
	return arrows
}

func TestTheDrawingIsTheTransitionTable(t *testing.T) {
	t.Parallel()
	require.Equal(t, moves, drawn(t))
}

func TestTranscriptsWalkEveryArrow(t *testing.T) {
	t.Parallel()
	walked := map[move]bool{}
	for _, path := range transcripts(t) {
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		w := newWorld()
		retell(string(written), w)
		for m := range w.moved {
			walked[m] = true
		}
	}
	require.Equal(t, moves, walked)
}

func TestDecideRefusesWhatNoArrowAllows(t *testing.T) {
	t.Parallel()
	turn := newTurn(Job{State: StateCompleted}, worldEpoch)
	turn.job.State = StateDeleting
	_, err := turn.decision(StateCompleted, "replay")
	require.ErrorIs(t, err, ErrInvariant)
}
