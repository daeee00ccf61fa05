package participants_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

func TestPreview(t *testing.T) {
	t.Parallel()
	t.Run("sums the ledger and the others", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{}, &counter{})
		preview := p.runner.Preview(t.Context(), "acme")
		require.Nil(t, preview.Error)
		require.Equal(t, map[string]int64{"files": 2, "orders": 5}, preview.Counts)
	})
	t.Run("half a preview is an error and no counts", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{}, &counter{err: participants.Refuse(participants.CodeUnsafePath, "a link")})
		preview := p.runner.Preview(t.Context(), "acme")
		require.Equal(t, &events.Problem{Code: participants.CodeUnsafePath, Detail: "a link"}, preview.Error)
		require.Empty(t, preview.Counts)
	})
	t.Run("a request that is not one is refused", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		p.run()
		require.Eventually(t, func() bool {
			_, err := p.bus.Request(t.Context(), request(`{"tenant_id":"acme"}`))
			return err == nil
		}, waitMax, 10*time.Millisecond)
		for _, body := range []string{``, `{"tenant_id":"../acme"}`, `{"tenant_id":"acme","all":true}`} {
			_, err := p.bus.Request(t.Context(), request(body))
			require.Error(t, err, body)
		}
	})
}

func request(body string) events.Message {
	return events.Message{Subject: events.PreviewSubject("orders"), Body: []byte(body)}
}
