package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestWhatIsOlderThanTheStreamsIsForgottenAtStart(t *testing.T) {
	t.Parallel()
	store := openStore(t, pgtest.New(t, migrations.Coordinator()))
	letter := func(sequence uint64, age time.Duration) saga.DeadLetter {
		return saga.DeadLetter{Stream: "TD_EVENTS", Consumer: "orders", Sequence: sequence, Subject: "tenant.deletion.requested.acme",
			Reason: "signature", CreatedAt: time.Now().Add(-age)}
	}
	require.NoError(t, store.Bury(t.Context(), letter(1, sweepKeep+time.Hour), letter(2, sweepKeep-time.Hour)))
	w := newWorld(t, store, openBroker(t, startBroker(t, t.TempDir())))
	w.run(w.runner(Config{}).Run)
	var left []saga.DeadLetter
	require.Eventually(t, func() bool {
		var err error
		left, err = store.Buried(t.Context(), saga.DeadFilter{})
		return err == nil && len(left) == 1
	}, 30*time.Second, 10*time.Millisecond)
	require.EqualValues(t, 2, left[0].Sequence, "what the streams may still hold stays")
}
