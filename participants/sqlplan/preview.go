package sqlplan

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// looksMax is how often a preview looks again when the catalogue changes under it.
const looksMax = 3

// errRestless is transient: a migration is running.
var errRestless = errors.New("the catalogue keeps changing")

// Preview counts every table of the plan exactly, in one statement. It refuses where Erase would, except for missing
// tables of migrations/participant, and has no effect.
func (p *Plan) Preview(ctx context.Context, tenant events.TenantID) (participants.Counts, error) {
	if err := tenant.Validate(); err != nil {
		return nil, fmt.Errorf("sqlplan: preview %s: %w", p.cfg.Service, err)
	}
	var counts participants.Counts
	err := p.withSession(ctx, func(s *session) (err error) {
		counts, err = p.preview(ctx, s, tenant)
		return classified(err)
	})
	if err != nil {
		return nil, fmt.Errorf("sqlplan: preview %s: %w", p.cfg.Service, err)
	}
	return counts, nil
}

// preview looks again when the catalogue is not the layout's, or when a statement does not fit it any more.
func (p *Plan) preview(ctx context.Context, s *session, tenant events.TenantID) (participants.Counts, error) {
	lay, err := p.current(s), error(nil)
	if lay == nil {
		if lay, err = p.outline(ctx, s); err != nil {
			return nil, err
		}
	}
	for range looksMax {
		var found *pgconn.Result
		found, err = p.look(ctx, s, lay.countAll(string(tenant)))
		if err == nil && string(text(found, len(lay.tables)+1)) == lay.era {
			return readCounts(lay, found)
		}
		if err != nil && !strings.HasPrefix(codeOf(err), "42") {
			return nil, fmt.Errorf("count rows: %w", err)
		}
		var judged error
		if lay, judged = p.outline(ctx, s); judged != nil {
			return nil, judged
		}
	}
	if err == nil {
		err = errRestless
	}
	return nil, fmt.Errorf("count rows: %w", err)
}

func (p *Plan) look(ctx context.Context, s *session, count statement) (*pgconn.Result, error) {
	defer s.rollback(ctx)
	statements := begin("READ ONLY", p.cfg.StatementTimeout)
	results, err := s.run(ctx, append(statements, count, statement{sql: "COMMIT"})...)
	if err != nil {
		return nil, err
	}
	return results[len(statements)], nil
}

func readCounts(lay *layout, r *pgconn.Result) (participants.Counts, error) {
	if string(text(r, len(lay.tables))) != "t" {
		return nil, errNotCanonical
	}
	counts := participants.Counts{}
	for i, t := range lay.tables {
		n, err := strconv.ParseInt(string(text(r, i)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
		counts[t.name] = n
	}
	return counts, nil
}
