package seed

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// TenantIDFor names the nth tenant of a seed. The id is a UUID that reads well in a log: seed 1, tenant 7 is
// ba4e0000-0001-4000-8000-000000000007. Seeds that agree in their lower 32 bits share names.
func TenantIDFor(seed int64, n int) events.TenantID {
	low := uint32(seed) //nolint:gosec // the upper half is left out on purpose, and said so
	return events.TenantID(fmt.Sprintf("ba4e%04x-%04x-4000-8000-%012d", low>>16, low&0xffff, n))
}

// TenantsFor names the first n tenants of a seed, counted from 1.
func TenantsFor(seed int64, n int) []events.TenantID {
	list := make([]events.TenantID, n)
	for i := range list {
		list[i] = TenantIDFor(seed, i+1)
	}
	return list
}
