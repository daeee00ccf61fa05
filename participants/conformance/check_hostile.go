package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

// hostile are well-formed ids that a careless statement would read as something else; the last ones are close to a neighbour's:
// a pattern of LIKE, a beginning of it.
func hostile(neighbour events.TenantID) []events.TenantID {
	n := string(neighbour)
	return tenants(neighbour, "1--", "--", "OR_1-1", "DROP", "null", "NULL", "true", "0", "-1", "NaN", "__proto__", "constructor",
		"_", "____", "SELECT", strings.Repeat("x", 64), strings.Repeat("_", len(n)), "_"+n[1:], n[:len(n)-1])
}

// spellings are other texts that a typed column would read as the neighbour's UUID or number.
func spellings(neighbour events.TenantID) []events.TenantID {
	n := string(neighbour)
	return tenants(neighbour, strings.ToUpper(n), strings.ToLower(n), strings.ReplaceAll(n, "-", ""), "0"+n)
}

// tenants are the well-formed ids among them that are not the neighbour's.
func tenants(neighbour events.TenantID, ids ...string) (well []events.TenantID) {
	for _, id := range ids {
		if tenant, err := events.ParseTenantID(id); err == nil && tenant != neighbour {
			well = append(well, tenant)
		}
	}
	return well
}

func hostileTenant(ctx context.Context, w *world) (string, error) {
	return w.exactOrRefused(ctx, hostile)
}

func tenantSpelling(ctx context.Context, w *world) (string, error) {
	return w.exactOrRefused(ctx, spellings)
}

// exactOrRefused asks about ids that nobody has, beside a neighbour whom they must not touch.
func (w *world) exactOrRefused(ctx context.Context, near func(events.TenantID) []events.TenantID) (string, error) {
	neighbour, before, err := w.seeded(ctx)
	if err != nil {
		return "", err
	}
	for _, tenant := range near(neighbour) {
		w.ours[tenant] = true
		p, err := w.previewOf(ctx, tenant)
		switch {
		case err != nil:
			return "", fmt.Errorf("preview of %s: %w", tenant, err)
		case p.Error == nil && p.Total() != 0:
			return "", fmt.Errorf("preview of %s: counts %v, which are those of %s", tenant, p.Counts, neighbour)
		}
		a, err := w.ask(ctx, w.command(tenant))
		switch {
		case err != nil:
			return "", fmt.Errorf("command for %s: %w", tenant, err)
		case a.result.Total() != 0:
			return "", fmt.Errorf("command for %s: deleted %v, which are those of %s", tenant, a.result.DeletedCounts, neighbour)
		case a.result.Success == (p.Error != nil):
			return "", fmt.Errorf("%s: preview and result do not agree whether the id is refused", tenant)
		}
		if err := w.untouched(ctx, neighbour, before); err != nil {
			return "", fmt.Errorf("after a command for %s: %w", tenant, err)
		}
	}
	return "", nil
}
