package httpapi

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
)

// operation describes one route. Every operation can answer what commonErrors says; refuses are the rest.
type operation struct {
	id, method, path          string
	tag, summary, description string

	success  int   // 200 when zero
	refuses  []int // statuses of problems, beyond the common ones
	required []string
	timeout  time.Duration // Config.RequestTimeout when zero; below zero none, for streams
	open     bool          // served to everybody

	body, answer any // examples
	describe     func(*huma.Operation)
}

// call is what is known of a request after its guard let it pass.
type call struct {
	caller Caller
	logger zerolog.Logger
}

type callKey struct{}

var (
	keyForm     = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	serviceForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
)

// register mounts an operation. It is the only way to a route: the guard in front of it asks the Authoriser.
func register[I, O any](a *API, op operation, handle func(ctx context.Context, caller Caller, in *I) (*O, error)) {
	described := a.describe(op)
	described.Middlewares = huma.Middlewares{a.guard(op)}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		c, ok := ctx.Value(callKey{}).(call)
		if !ok {
			return nil, problemOf(http.StatusInternalServerError) // never without a guard
		}
		out, err := handle(ctx, c.caller, in)
		if err != nil {
			return nil, fail(c.logger, err)
		}
		if op.method != http.MethodGet {
			c.logger.Info().Str("by", c.caller.Subject).Msg("done")
		}
		return out, nil
	})
	a.annotate(op)
}

// guard stands in front of an operation: it bounds its time, finds out who asks, and reads the request strictly.
func (a *API) guard(op operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hctx)
		ctx, cancel := a.bounded(r.Context(), w, op)
		defer cancel()
		caller, logger, err := a.admit(ctx, op, r)
		if err == nil {
			err = a.read(w, r, hctx.Operation())
		}
		if err != nil {
			writeProblem(w, fail(logger, err))
			return
		}
		next(huma.WithValue(huma.WithContext(hctx, ctx), callKey{}, call{caller: caller, logger: logger}))
	}
}

// bounded ends an operation in time, and gives its answer time to be written whatever the server's own timeout is.
func (a *API) bounded(ctx context.Context, w http.ResponseWriter, op operation) (context.Context, context.CancelFunc) {
	if op.timeout < 0 {
		return context.WithCancel(ctx)
	}
	limit := op.timeout
	if limit == 0 {
		limit = a.cfg.RequestTimeout
	}
	// A writer without deadlines is no connection.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + writeGrace))
	return context.WithTimeout(ctx, limit)
}

// admit asks the Authoriser. The tenant of the path is parsed before: he never sees what is no tenant id.
func (a *API) admit(ctx context.Context, op operation, r *http.Request) (Caller, zerolog.Logger, error) {
	log := a.cfg.Logger.With().Str("kind", op.id)
	access := Access{Operation: op.id, Request: r}
	if sent := r.PathValue("tenant_id"); sent != "" {
		tenant, err := events.ParseTenantID(sent)
		if err != nil {
			return Caller{}, log.Logger(), invalidField("path.tenant_id", "must be 1 to 64 of A-Z a-z 0-9 _ -")
		}
		access.Tenant = tenant
		log = log.Str("tenant", string(tenant))
	}
	if job, err := events.ParseJobID(r.PathValue("job_id")); err == nil {
		log = log.Str("job", string(job))
	}
	if op.open {
		return Caller{}, log.Logger(), nil
	}
	caller, err := a.authoriser.Authorise(ctx, access)
	switch {
	case err != nil:
		return Caller{}, log.Logger(), err
	case !keyForm.MatchString(caller.Subject):
		return Caller{}, log.Logger(), errors.New("the authoriser named a caller that has not the form of requested_by")
	}
	return caller, log.Logger(), nil
}

// source is the service that a caller's requests come from.
func (c Caller) source() events.Participant {
	if c.Source == "" {
		return sourceAPI
	}
	return c.Source
}

// sourceAPI is the source of requests that no service made.
const sourceAPI events.Participant = "api"
