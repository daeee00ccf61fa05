package sagatest_test

import (
	"testing"

	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	sagatest.RunStore(t, func(testing.TB) saga.Store { return sagatest.NewMemory() })
}

func TestTrailKeepsTheContract(t *testing.T) {
	t.Parallel()
	sagatest.RunTrail(t, func(testing.TB) saga.Trail { return sagatest.NewTrail() })
}
