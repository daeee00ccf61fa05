package conformance_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/conformance"
)

func TestClausesNameTheProtocol(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/protocol.md")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range conformance.Clauses() {
		require.False(t, seen[c.ID], "%s: twice", c.ID)
		seen[c.ID] = true
		require.NotEmpty(t, c.Protocol, c.ID)
		for _, id := range c.Protocol {
			require.Contains(t, string(page), "- **"+id+"** ", c.ID)
		}
	}
}
