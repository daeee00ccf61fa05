package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// operation describes one route. Every operation can answer what commonErrors says; refuses are the rest.
type operation struct {
	id, method, path          string
	tag, summary, description string

	success  int   // 200 when zero
	refuses  []int // statuses of problems, beyond the common ones
	required []string
	timeout  time.Duration // Config.RequestTimeout when zero; below zero none, for streams
	tenantIn string        // "body" or "query": where a request whose path names no tenant names one

	body, answer any // examples
	describe     func(*huma.Operation)
}

// call is what is known of a request after its guard let it pass.
type call struct {
	caller Caller
	logger zerolog.Logger
	record saga.AuditRecord // what its caller and path say
}

type callKey struct{}

var (
	keyForm     = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	serviceForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
)

// register mounts an operation. It is the only way to a route: the guard in front of it asks the Authoriser.
func register[I, O any](a *API, op operation, handle func(ctx context.Context, caller Caller, in *I) (*O, error)) {
	a.note(op)
	described := a.describe(op)
	described.Middlewares = huma.Middlewares{a.guard(op)}
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		c, ok := ctx.Value(callKey{}).(call)
		if !ok {
			return nil, problemOf(http.StatusInternalServerError) // never without a guard
		}
		intent, err := a.intend(ctx, op, c, in)
		if err != nil {
			return nil, fail(c.logger, err)
		}
		out, err := handle(ctx, c.caller, in)
		a.settle(ctx, intent, c.logger, out, err)
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

// ruleOf is the rule of an operation; what has none is closed.
func ruleOf(id string) Rule { return rules[ruleName(id)] }

// note remembers which rules have operations, and which operations have none.
func (a *API) note(op operation) {
	name := ruleName(op.id)
	a.ruled[name] = true
	if rule := rules[name]; !rule.Open && len(rule.Anyone()) == 0 {
		a.unruled = append(a.unruled, fmt.Errorf("httpapi: operation %s: has no rule; give it a line in the table", op.id))
	}
}

// guard stands in front of an operation: it bounds its time, finds out who asks, and reads the request strictly.
func (a *API) guard(op operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hctx)
		ctx, cancel := a.bounded(r.Context(), w, op)
		defer cancel()
		read := sync.OnceValue(func() error { return a.read(w, r, hctx.Operation()) })
		caller, logger, err := a.admit(ctx, op, r, read)
		record := recordOf(op, r, caller)
		if err != nil {
			a.recordRefusal(ctx, record, op, logger, err)
			writeProblem(w, fail(logger, err).challenging(ruleOf(op.id).Scope))
			return
		}
		if err := read(); err != nil {
			writeProblem(w, fail(logger, err))
			return
		}
		ctx, forget := a.until(ctx, op, caller)
		defer forget()
		next(huma.WithValue(huma.WithContext(hctx, ctx), callKey{}, call{caller: caller, logger: logger, record: record}))
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

// until ends a live stream with the token that it was let in by: a reader goes on with his next one.
func (a *API) until(ctx context.Context, op operation, caller Caller) (context.Context, context.CancelFunc) {
	if op.timeout >= 0 || caller.Until.IsZero() {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, caller.Until.Sub(a.cfg.Clock()))
}

// admit asks the Authoriser. The tenant of the path is parsed before: he never sees what is no tenant id. With an error the
// caller is who was refused, where that is known.
func (a *API) admit(ctx context.Context, op operation, r *http.Request, read func() error) (Caller, zerolog.Logger, error) {
	log := a.cfg.Logger.With().Str("kind", op.id)
	access := Access{Operation: op.id, Request: r, Rule: ruleOf(op.id)}
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
	if access.Rule.Open {
		return Caller{}, log.Logger(), nil
	}
	access.Target = func(ctx context.Context) (Target, error) { return a.target(ctx, op, access, read) }
	caller, err := a.authoriser.Authorise(ctx, access)
	switch {
	case err != nil:
		return caller, log.Logger(), err
	case !keyForm.MatchString(caller.Subject):
		return Caller{}, log.Logger(), errors.New("the authoriser named a caller that has not the form of requested_by")
	}
	return caller, log.Logger(), nil
}

// target is what a request is about: the tenant of its path, of the job in its path, or of its body or query. Body and query
// are read as strictly as the operation itself reads them, and not before somebody is known to ask.
func (a *API) target(ctx context.Context, op operation, access Access, read func() error) (Target, error) {
	r := access.Request
	if access.Tenant != "" {
		return Target{Tenant: access.Tenant}, nil
	}
	if sent := r.PathValue("job_id"); sent != "" {
		id, err := events.ParseJobID(sent)
		if err != nil || a.cfg.Coordinator == nil {
			return Target{}, saga.ErrNotFound
		}
		job, err := a.cfg.Coordinator.Job(ctx, id)
		if err != nil {
			return Target{}, err
		}
		return Target{Tenant: job.Tenant, Job: id, RequestedBy: job.RequestedBy}, nil
	}
	if op.tenantIn == "" {
		return Target{}, nil
	}
	if err := read(); err != nil {
		return Target{}, err
	}
	sent, err := tenantIn(op.tenantIn, r)
	if sent == "" || err != nil {
		return Target{}, err
	}
	tenant, err := events.ParseTenantID(sent)
	if err != nil {
		return Target{}, invalidField(op.tenantIn+".tenant_id", "must be 1 to 64 of A-Z a-z 0-9 _ -")
	}
	return Target{Tenant: tenant}, nil
}

// tenantIn is what a request that was read names as its tenant.
func tenantIn(place string, r *http.Request) (string, error) {
	if place == "query" {
		return r.URL.Query().Get("tenant_id"), nil
	}
	body, err := io.ReadAll(r.Body) // bytes in memory
	if err != nil {
		return "", err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var named struct {
		TenantID string `json:"tenant_id"`
	}
	if json.Unmarshal(body, &named) != nil {
		return "", problemOf(http.StatusUnprocessableEntity).in("body", errForm.Error())
	}
	return named.TenantID, nil
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
