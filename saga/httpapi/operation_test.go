package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// nothing is an id of nothing.
const nothing = "00000000-0000-7000-8000-000000000000"

// sample is a request for an operation that would be fine, if what it names were there.
func sample(op *huma.Operation) request {
	fill := strings.NewReplacer("{job_id}", nothing, "{tenant_id}", "absent", "{user_id}", nobody, "{id}", "4711")
	q := request{method: op.Method, header: map[string]string{}, path: fill.Replace(op.Path)}
	for _, p := range op.Parameters {
		switch p.Name {
		case "If-Match":
			q.header[p.Name] = "*"
		case "Idempotency-Key":
			q.header[p.Name] = "key-" + op.OperationID
		}
	}
	if op.RequestBody != nil {
		q.body = op.RequestBody.Content["application/json"].Example
	}
	return q
}

func isOpen(op *huma.Operation) bool { return len(op.Security) == 0 }

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, op := range operations(w.api) {
		t.Run(op.OperationID, func(t *testing.T) {
			t.Parallel()
			w := w.as(t)
			requireRefusals(w, op)
			if op.RequestBody != nil {
				requireBodyRefusals(w, op)
			}
		})
	}
}

// requireRefusals makes what every operation must refuse.
func requireRefusals(w *world, op *huma.Operation) {
	q := sample(op)
	with := func(change func(*request)) request {
		changed := q
		changed.header = map[string]string{}
		for name, value := range q.header {
			changed.header[name] = value
		}
		change(&changed)
		return changed
	}
	w.do(with(func(q *request) { q.path += "?tenant=a%zz" })).refused(http.StatusBadRequest, CodeInvalid)
	p := w.do(with(func(q *request) { q.path += "?nonsense-parameter=1" })).refused(http.StatusUnprocessableEntity, CodeInvalid)
	require.Equal(w.t, []FieldProblem{{Location: "query", Message: "has a parameter that this operation does not have"}}, p.Errors)
	if isOpen(op) {
		return
	}
	for _, missing := range []string{"", "Basic YTpi", "bearer alice"} {
		refused := w.do(with(func(q *request) { q.as, q.header["Authorization"] = "-", missing }))
		refused.refused(http.StatusUnauthorized, CodeUnauthenticated)
		require.NotEmpty(w.t, refused.header.Get("WWW-Authenticate"))
	}
	w.do(with(func(q *request) { q.as = "mallory" })).refused(http.StatusForbidden, CodeForbidden)
	w.do(with(func(q *request) { q.as = "broken" })).refused(http.StatusInternalServerError, CodeInternal)
	w.do(with(func(q *request) { q.as = "nameless" })).refused(http.StatusInternalServerError, CodeInternal)
	w.do(with(func(q *request) { q.as = "unreachable" })).refused(http.StatusServiceUnavailable, CodeUnavailable)
	makes := op.OperationID == "replayJobs" || op.OperationID == "submitJob" || op.OperationID == "deleteTenant"
	if _, ok := op.Responses["404"]; ok && !makes {
		w.do(q).refused(http.StatusNotFound, CodeNotFound)
	}
	if _, ok := op.Responses["428"]; ok {
		w.do(with(func(q *request) { delete(q.header, "If-Match") })).refused(http.StatusPreconditionRequired, CodePreconditionNeeded)
	}
}

// requireBodyRefusals makes what every operation with a body must refuse.
func requireBodyRefusals(w *world, op *huma.Operation) {
	send := func(body, contentType string) reply {
		q := sample(op)
		q.body = body
		q.header["Content-Type"] = contentType
		return w.do(q)
	}
	const isJSON = "application/json"
	send(`{"reason":"`+strings.Repeat("a", 64<<10)+`"}`, isJSON).refused(http.StatusRequestEntityTooLarge, CodeTooLarge)
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1",
		"application/xml", "application/merge-patch+json", "json", ";"} {
		send(`{}`, contentType).refused(http.StatusUnsupportedMediaType, CodeMediaType)
	}
	for _, malformed := range []string{`{`, `{}{}`, `nil`, "{\"reason\":\"\xff\"}", `{"reason":"a","reason":"b"}`,
		strings.Repeat("[", 20) + strings.Repeat("]", 20)} {
		send(malformed, isJSON).refused(http.StatusBadRequest, CodeInvalid)
	}
	for _, wrong := range []string{`[]`, `"text"`, `{"nonsense_key":1}`, `{"Reason":"a"}`, `{"constructor":{"prototype":1}}`} {
		p := send(wrong, isJSON).refused(http.StatusUnprocessableEntity, CodeInvalid)
		for _, field := range p.Errors {
			require.NotContains(w.t, field.Location+field.Message, "nonsense")
			require.NotContains(w.t, field.Location+field.Message, "constructor")
		}
	}
}

func TestNoRouteWithoutAuthoriser(t *testing.T) {
	t.Parallel()
	for claim, refusal := range map[string]struct {
		err    error
		status int
	}{
		"unknown callers":     {ErrUnauthenticated, http.StatusUnauthorized},
		"callers who may not": {ErrForbidden, http.StatusForbidden},
	} {
		t.Run(claim+" reach nothing but health and the document", func(t *testing.T) {
			t.Parallel()
			var asking sync.Mutex
			var asked []string
			a, err := New(AuthoriserFunc(func(_ context.Context, access Access) (Caller, error) {
				asking.Lock()
				defer asking.Unlock()
				asked = append(asked, access.Operation+" "+string(access.Tenant))
				return Caller{Subject: "alice"}, refusal.err
			}), Config{Audit: sagatest.NewTrail(), Coordinator: absent{}, Guards: absent{}, Repair: absent{}, Rosters: absent{},
				Tenants:  absent{},
				Services: services{}})
			require.NoError(t, err)
			w := serve(t, a)
			var open, expected []string
			for _, op := range operations(a) {
				if isOpen(op) {
					open = append(open, op.OperationID)
					w.do(sample(op)).is(http.StatusOK)
					continue
				}
				w.do(sample(op)).is(refusal.status) // a part that was asked would have panicked: it is nil
				tenant := ""
				if strings.Contains(op.Path, "{tenant_id}") {
					tenant = "absent"
				}
				expected = append(expected, op.OperationID+" "+tenant)
			}
			require.Equal(t, []string{"livez", "readyz"}, open)
			asking.Lock()
			defer asking.Unlock()
			require.Equal(t, expected, asked)
			require.Greater(t, len(expected), 25)
		})
	}
}

func TestAuthoriserSeesNoMalformedTenant(t *testing.T) {
	t.Parallel()
	a, err := New(AuthoriserFunc(func(_ context.Context, access Access) (Caller, error) {
		return Caller{}, errors.Join(access.Tenant.Validate(), ErrForbidden)
	}), Config{Coordinator: absent{}})
	require.NoError(t, err)
	w := serve(t, a)
	for _, sent := range []string{"a%2Fb", "%20", "a.b", strings.Repeat("a", 65), "%00", "*"} {
		p := w.do(request{method: "DELETE", path: "/api/v1/tenants/" + sent}).refused(http.StatusUnprocessableEntity, CodeInvalid)
		require.Equal(t, "path.tenant_id", p.Errors[0].Location)
	}
	w.do(request{method: "DELETE", path: "/api/v1/tenants/acme"}).is(http.StatusForbidden)
}

func TestPartsThatAreNotThereAreNotMounted(t *testing.T) {
	t.Parallel()
	a, err := New(AuthoriserFunc(authorise), Config{Services: services{}})
	require.NoError(t, err)
	var ids []string
	for _, op := range operations(a) {
		ids = append(ids, op.OperationID)
	}
	require.Equal(t, []string{"eraseService_order-service", "eraseService_orders", "livez", "previewService_order-service",
		"previewService_orders", "readyz"}, ids)
	serve(t, a).do(request{method: "GET", path: jobsPath}).is(http.StatusNotFound)
}

func TestNew(t *testing.T) {
	t.Parallel()
	for claim, make := range map[string]func() (*API, error){
		"an authoriser is required": func() (*API, error) { return New(nil, Config{}) },
		"limits are not negative":   func() (*API, error) { return New(LoopbackAuthoriser{}, Config{StreamsMax: -1}) },
		"a service's name fits a path": func() (*API, error) {
			return New(LoopbackAuthoriser{}, Config{Services: named{names: platformServicesWith("a/b")}})
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			a, err := make()
			require.ErrorContains(t, err, "httpapi: ")
			require.Nil(t, a)
		})
	}
}

// What breaks inside is logged once with its cause, and told to nobody.
func TestCausesAreLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	for claim, broken := range map[string]struct {
		err    error
		status int
	}{
		"a store that breaks":          {errors.New("a secret cause"), http.StatusInternalServerError},
		"a store that does not answer": {errors.Join(errors.New("a secret cause"), ErrUnavailable), http.StatusServiceUnavailable},
		"a deadline":                   {context.DeadlineExceeded, http.StatusServiceUnavailable},
		"PostgreSQL going down":        {sqlError("57P01"), http.StatusServiceUnavailable},
		"PostgreSQL refusing":          {sqlError("42601"), http.StatusInternalServerError},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
			w.until(job, "completed")
			w.broken.Store(&broken.err)
			w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID)}).is(broken.status)
			w.do(request{method: "GET", path: jobsPath}).is(broken.status)
			w.do(request{method: "GET", path: "/livez"}).is(http.StatusOK)
			logged := slices.DeleteFunc(strings.Split(w.log.String(), "\n"), func(line string) bool {
				return !strings.Contains(line, `"level":"error"`)
			})
			require.Len(t, logged, 2)
			require.Contains(t, logged[0], broken.err.Error()[:8])
			require.Contains(t, logged[0], `"kind":"getJob"`)
			require.Contains(t, logged[0], `"job":"`+string(job.JobID)+`"`)
		})
	}
}

type sqlError string

func (e sqlError) Error() string    { return "a secret statement" }
func (e sqlError) SQLState() string { return string(e) }

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	a, err := New(AuthoriserFunc(authorise), Config{Coordinator: absent{}})
	require.NoError(t, err)
	serve(t, a).do(request{method: "GET", path: jobsPath}).refused(http.StatusInternalServerError, CodeInternal)
}
