package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// seen are the documented answers that tests have produced: operation and status.
var seen sync.Map

// TestMain fails when the document promises an answer that no test has produced.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && runsEverything() {
		if missing := unseen(); len(missing) > 0 {
			fmt.Println("no test has produced:\n  " + strings.Join(missing, "\n  "))
			code = 1
		}
	}
	os.Exit(code)
}

// runsEverything reports a run without filters: only it can have seen every answer.
func runsEverything() bool {
	return !slices.ContainsFunc(os.Args[1:], func(arg string) bool {
		return strings.HasPrefix(arg, "-test.run=") || strings.HasPrefix(arg, "-test.fuzz=") ||
			strings.HasPrefix(arg, "-test.bench=") || strings.HasPrefix(arg, "-test.list=") || strings.HasPrefix(arg, "-test.skip=")
	})
}

func unseen() (missing []string) {
	a, err := New(AuthoriserFunc(authorise), Config{Audit: absent{}, Coordinator: absent{}, Guards: absent{}, Repair: absent{},
		Rosters: absent{},
		Tenants: absent{}, Services: services{}})
	if err != nil {
		return []string{err.Error()}
	}
	for _, op := range operations(a) {
		for status := range op.Responses {
			if _, ok := seen.Load(op.OperationID + " " + status); !ok {
				missing = append(missing, op.OperationID+" "+status)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// operations are those of the document, by id.
func operations(a *API) (all []*huma.Operation) {
	for _, item := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	slices.SortFunc(all, func(a, b *huma.Operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// contract validates answers against the document that the API serves.
var contract = sync.OnceValues(func() (validator.Validator, error) {
	made, err := Document(services{}.Names())
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(made)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions(), config.WithContentAssertions())
	if len(errs) == 0 {
		if ok, found := v.ValidateDocument(); !ok {
			for _, e := range found {
				errs = append(errs, errors.New(e.Message+": "+e.Reason))
			}
		}
	}
	return v, errors.Join(errs...)
})

// validating is one at a time: the validator fills caches of its own.
var validating sync.Mutex

// reply is a checked answer.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// request is one to make; header values of "" are left out.
type request struct {
	method, path string
	as           string // alice, unless said otherwise; "-" sends no token
	header       map[string]string
	body         any // a string is sent as it is
}

// make is the request as it is sent.
func (w *world) make(q request) *http.Request {
	w.t.Helper()
	var body io.Reader
	switch content := q.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(content)
	default:
		sent, err := json.Marshal(content)
		require.NoError(w.t, err)
		body = bytes.NewReader(sent)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, w.server.URL+q.path, body)
	require.NoError(w.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch q.as {
	case "":
		r.Header.Set("Authorization", "Bearer alice")
	case "-":
	default:
		r.Header.Set("Authorization", "Bearer "+q.as)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r
}

// do makes a request and holds the answer against the document.
func (w *world) do(q request) reply {
	w.t.Helper()
	return w.send(w.make(q))
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	answered, err := w.server.Client().Do(r)
	require.NoError(w.t, err)
	defer answered.Body.Close()
	body, err := io.ReadAll(answered.Body)
	require.NoError(w.t, err)
	w.check(r, answered, body)
	return reply{t: w.t, status: answered.StatusCode, header: answered.Header, body: body}
}

// check holds an answer against the document, and remembers that it was seen.
func (w *world) check(r *http.Request, answered *http.Response, body []byte) {
	w.t.Helper()
	require.Equal(w.t, "nosniff", answered.Header.Get("X-Content-Type-Options"))
	if answered.StatusCode >= http.StatusBadRequest && r.Method != http.MethodHead && len(body) > 0 {
		requireProblem(w.t, answered, body)
	}
	asked := r.Clone(r.Context())
	if asked.Method == http.MethodHead {
		asked.Method = http.MethodGet
	}
	_, pattern := w.api.mux.Handler(asked)
	method, route, _ := strings.Cut(pattern, " ")
	item := w.api.huma.OpenAPI().Paths[route]
	if item == nil || r.Method == http.MethodHead || path.Clean(r.URL.Path) != r.URL.Path {
		return
	}
	op := map[string]*huma.Operation{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "DELETE": item.Delete}[method]
	status := strconv.Itoa(answered.StatusCode)
	require.Contains(w.t, op.Responses, status, "%s answers %s, which the document does not say: %s", op.OperationID, status, body)
	for name := range op.Responses[status].Headers {
		if name != "Link" && name != "Retry-After" {
			require.NotEmpty(w.t, answered.Header.Get(name), "%s %s has no %s", op.OperationID, status, name)
		}
	}
	seen.Store(op.OperationID+" "+status, true)
	v, err := contract()
	require.NoError(w.t, err)
	answered.Body = io.NopCloser(bytes.NewReader(body))
	validating.Lock()
	defer validating.Unlock()
	if ok, errs := v.ValidateHttpResponse(asked, answered); !ok {
		for _, e := range errs {
			w.t.Errorf("%s %s breaks the document: %s: %s %v\n%s", op.OperationID, status, e.Message, e.Reason,
				e.SchemaValidationErrors, body)
		}
	}
}

func requireProblem(t testing.TB, answered *http.Response, body []byte) {
	t.Helper()
	if answered.StatusCode == http.StatusConflict && answered.Header.Get("Content-Type") == "application/json" {
		return // a result
	}
	require.Equal(t, "application/problem+json", answered.Header.Get("Content-Type"), "%s", body)
	var p Problem
	require.NoError(t, json.Unmarshal(body, &p))
	require.Equal(t, answered.StatusCode, p.Status)
	require.NotEmpty(t, p.Code)
	require.NotEmpty(t, p.Detail)
	require.NotContains(t, string(body), "secret")
}

// is requires a status.
func (r reply) is(status int) reply {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	return r
}

// refused requires a problem with a code, and returns it.
func (r reply) refused(status int, code string) (p Problem) {
	r.t.Helper()
	r.is(status)
	require.NoError(r.t, json.Unmarshal(r.body, &p))
	require.Equal(r.t, code, p.Code, "%s", r.body)
	return p
}

// read decodes the body.
func read[T any](r reply) (v T) {
	r.t.Helper()
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.DisallowUnknownFields()
	require.NoError(r.t, dec.Decode(&v), "%s", r.body)
	return v
}

// submit asks for a tenant's deletion.
func (w *world) submit(body NewJob, key string) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: jobsPath, header: map[string]string{"Idempotency-Key": key}, body: body})
}

// act posts an action on a job, whatever its version.
func (w *world) act(job Job, verb, as string) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: jobsPath + "/" + string(job.JobID) + "/" + verb, as: as,
		header: map[string]string{"If-Match": "*"}})
}

// until reads a job until it is in the state.
func (w *world) until(job Job, state saga.State) Job {
	w.t.Helper()
	for {
		seen := read[Job](w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID)}).is(http.StatusOK))
		if seen.State == state {
			return seen
		}
		// The live stream says when it is worth looking again.
		w.follow(job, seen.Version, func(message) bool { return false })
	}
}
