package bustest_test

import (
	"testing"

	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/bus/bustest"
)

// A bus shows that it keeps the contract with one call in its test.
func Example() {
	_ = func(t *testing.T) {
		bustest.Run(t, func(_ testing.TB, spec bustest.Spec) bus.Bus {
			return bus.NewMemory(bus.MemoryConfig{AckWait: spec.AckWait, Participants: spec.Participants, Downstream: spec.Downstream})
		})
	}
	// Output:
}
