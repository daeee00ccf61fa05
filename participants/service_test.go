package participants_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	b := bus.NewMemory(bus.MemoryConfig{})
	good := participants.Service{Name: "orders", Ledger: participantstest.NewMemory()}
	keys := []events.PublicKey{"UKEY"}
	for field, c := range map[string]struct {
		service participants.Service
		cfg     participants.Config
	}{
		"service_name": {participants.Service{Name: "Orders", Ledger: good.Ledger}, participants.Config{TrustedKeys: keys}},
		"Ledger":       {participants.Service{Name: "orders"}, participants.Config{TrustedKeys: keys}},
		"Others[0]": {participants.Service{Name: "orders", Ledger: good.Ledger, Others: []participants.Eraser{nil}},
			participants.Config{TrustedKeys: keys}},
		"TrustedKeys": {good, participants.Config{}},
		"Workers":     {good, participants.Config{TrustedKeys: keys, Workers: -1}},
		"GiveUpAfter": {good, participants.Config{TrustedKeys: keys, GiveUpAfter: -1}},
	} {
		t.Run("a wrong "+field+" is named", func(t *testing.T) {
			t.Parallel()
			_, err := participants.New(c.service, b, c.cfg)
			require.ErrorContains(t, err, field)
		})
	}
	t.Run("a service without a bus can erase but not run", func(t *testing.T) {
		t.Parallel()
		r, err := participants.New(good, nil, participants.Config{})
		require.NoError(t, err)
		_, err = r.Erase(t.Context(), command(1), "r1")
		require.NoError(t, err)
		require.Error(t, r.Run(t.Context()))
	})
}
