package participants_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
)

func TestReceiptTravels(t *testing.T) {
	t.Parallel()
	t.Run("a receipt survives being stored as JSON", func(t *testing.T) {
		t.Parallel()
		e := participants.NewErasure(command(1), nil, nil)
		e.Add("orders", 0)
		e.Add("customers", 4)
		receipt := e.Receipt(participants.ModeTransaction, nil)
		body, err := json.Marshal(receipt)
		require.NoError(t, err)
		var back participants.Receipt
		require.NoError(t, json.Unmarshal(body, &back))
		require.Equal(t, *receipt, back)
	})
	t.Run("two passes add up, table by table", func(t *testing.T) {
		t.Parallel()
		e := participants.NewErasure(command(2), nil, nil)
		e.Add("orders", 2)
		previous := participants.Counts{"orders": 5, "customers": 1}
		kept := maps.Clone(previous)
		receipt := e.Receipt(participants.ModeTransaction, &participants.Receipt{Counts: previous, Attempt: 1})
		require.Equal(t, participants.Counts{"orders": 7, "customers": 1}, receipt.Counts)
		require.Equal(t, 2, receipt.Attempt)
		require.Equal(t, kept, previous)
	})
}
