package bus_test

import (
	"testing"

	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/bus/bustest"
)

func TestJetStreamKeepsTheContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t testing.TB, spec bustest.Spec) bus.Bus {
		server := broker(t, t.TempDir(), 0)
		provision(t, server, spec)
		return open(t, bus.Config{InProcess: server.InProcess(), Name: "suite"})
	})
}

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(_ testing.TB, spec bustest.Spec) bus.Bus {
		return bus.NewMemory(bus.MemoryConfig{AckWait: spec.AckWait, Participants: spec.Participants, Downstream: spec.Downstream})
	})
}
