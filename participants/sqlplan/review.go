package sqlplan

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Deletes lists the statements that Erase would run to delete the tenant's rows, in order: to be read by a person, or
// measured. It has no effect. Nothing else of an erasure is in it: no lock, no fence, no proof, no receipt.
func (p *Plan) Deletes(ctx context.Context, tenant events.TenantID) ([]string, error) {
	if err := tenant.Validate(); err != nil { // it is written into the statements below, and holds no quote
		return nil, fmt.Errorf("sqlplan: list deletes of %s: %w", p.cfg.Service, err)
	}
	if err := p.Check(ctx); err != nil {
		return nil, err
	}
	var list []string
	for _, g := range p.layout.Load().groups {
		list = append(list, g.sql(func(int) string { return quote(string(tenant)) }))
	}
	return list, nil
}
