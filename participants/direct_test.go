package participants_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

func TestEraseTenant(t *testing.T) {
	t.Parallel()
	t.Run("the same key answers with the same receipt, a fresh key deletes what is there by then", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		first, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		require.EqualValues(t, 5, first.Total())
		p.Seed("acme", 2)
		repeat, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		require.True(t, repeat.Replayed)
		repeat.Replayed = false
		require.Equal(t, first, repeat)
		second, err := p.runner.EraseTenant(t.Context(), "acme", "two")
		require.NoError(t, err)
		require.EqualValues(t, 2, second.Total())
		require.NotEqual(t, first.JobID, second.JobID)
	})
	t.Run("a key is the tenant's own", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		p.Seed("acme2", 3)
		one, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		two, err := p.runner.EraseTenant(t.Context(), "acme2", "one")
		require.NoError(t, err)
		require.NotEqual(t, one.JobID, two.JobID)
		require.EqualValues(t, 3, two.Total())
	})
	t.Run("the id it is stored under is a job id that no coordinator makes", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		result, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		job, err := events.ParseJobID(string(result.JobID))
		require.NoError(t, err)
		require.Equal(t, events.JobID("df9e9485-ec6c-8991-84e8-5f70133651ea"), job, "receipts are found by it for ever")
		require.Equal(t, byte('7'), events.NewJobID()[14])
	})
	t.Run("the answer has the platform's keys", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		result, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		body, err := json.Marshal(result)
		require.NoError(t, err)
		var got map[string]any
		require.NoError(t, json.Unmarshal(body, &got))
		for _, key := range []string{"tenant_id", "service_name", "success", "deleted_counts", "errors", "timestamp"} {
			require.Contains(t, got, key)
		}
		require.Equal(t, []any{}, got["errors"])
	})
	t.Run("a refusal is an answer, a transient error is none", func(t *testing.T) {
		t.Parallel()
		failing := []error{participants.Refuse(participants.CodeResidue, "rows are left"), errors.New("connection lost")}
		p := newPlace(t, func(call int) error { return failing[call-1] }, participants.Config{})
		result, err := p.runner.EraseTenant(t.Context(), "acme", "one")
		require.NoError(t, err)
		require.False(t, result.Success)
		require.Equal(t, participants.CodeResidue, result.Errors[0].Code)
		_, err = p.runner.EraseTenant(t.Context(), "acme", "one")
		require.ErrorContains(t, err, "connection lost")
	})
	t.Run("a key or a tenant that is none is refused and not repeated", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		for _, key := range []string{"", strings.Repeat("k", 257)} {
			_, err := p.runner.EraseTenant(t.Context(), "acme", key)
			require.ErrorIs(t, err, events.ErrInvalid)
			require.NotContains(t, err.Error(), "kkk")
		}
		_, err := p.runner.EraseTenant(t.Context(), "a'; --", "one")
		require.ErrorIs(t, err, events.ErrInvalid)
		require.NotContains(t, err.Error(), "a'; --")
		require.Zero(t, p.calls)
	})
	t.Run("no command of the bus may ask for it", func(t *testing.T) {
		t.Parallel()
		c := command(1)
		c.Generation = participants.GenerationNone
		_, err := events.Encode(events.Event{ID: "1", Source: events.SourceCoordinator, Type: events.TypeRequested,
			Subject: c.TenantID, Time: c.RequestedAt, Data: c})
		require.ErrorIs(t, err, events.ErrInvalid)
	})
}
