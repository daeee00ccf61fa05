package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMisuse sends what no client of good will sends. Nothing of it may be repeated in the answer.
func TestMisuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	t.Run("group", func(t *testing.T) { misuse(t, w) })
	jobs := read[Jobs](w.do(request{method: "GET", path: jobsPath}).is(http.StatusOK))
	require.Empty(t, jobs.Jobs, "nothing of it became a job")
}

func misuse(t *testing.T, w *world) {
	job := jobsPath + "/" + nothing
	key := map[string]string{"Idempotency-Key": "key-1"}
	get := func(rest string) request { return request{method: "GET", path: jobsPath + rest} }
	post := func(body string) request { return request{method: "POST", path: jobsPath, header: key, body: body} }
	extra := func(rest string) request { return post(`{"tenant_id":"acme","reason":"gone",` + rest + "}") }
	for claim, misuse := range map[string]struct {
		q        request
		status   int
		location string
	}{
		"an unknown route":            {request{method: "GET", path: "/api/v1/unheard"}, 404, ""},
		"the root":                    {request{method: "GET", path: "/"}, 404, ""},
		"a slash too many":            {request{method: "GET", path: jobsPath + "/"}, 404, ""},
		"two slashes":                 {request{method: "GET", path: "//api/v1/deletion-jobs"}, 404, ""},
		"a way round":                 {request{method: "DELETE", path: "/api/v1/tenants/x/..%2funheard"}, 404, ""},
		"a wrong method":              {request{method: "PATCH", path: jobsPath}, 405, ""},
		"a method nobody knows":       {request{method: "UNHEARD", path: jobsPath}, 405, ""},
		"an upper-case job id":        {request{method: "GET", path: strings.ToUpper(job[len(jobsPath):])}, 404, ""},
		"a job id that is none":       {get("/unheard"), 422, "path.job_id"},
		"a job id in capitals":        {get("/ABCDEF00-0000-7000-8000-000000000000"), 422, "path.job_id"},
		"a job id in braces":          {get("/%7B" + nothing + "%7D"), 422, "path.job_id"},
		"a parameter twice":           {get("?tenant_id=a&tenant_id=unheard"), 422, "query.tenant_id"},
		"a parameter without a value": {get("?tenant_id="), 422, "query.tenant_id"},
		"a parameter of no value":     {get("?tenant_id"), 422, "query.tenant_id"},
		"a tenant that is none":       {get("?tenant_id=un%20heard"), 422, "query.tenant_id"},
		"a state that is none":        {get("?state=unheard"), 422, "query.state[0]"},
		"states in one value":         {get("?state=failed,completed"), 422, "query.state[0]"},
		"a state twice":               {get("?state=failed&state=failed"), 422, "query.state"},
		"a limit of nothing":          {get("?limit=0"), 422, "query.limit"},
		"a limit without end":         {get("?limit=501"), 422, "query.limit"},
		"a limit that is no number":   {get("?limit=unheard"), 422, "query.limit"},
		"a time that is none":         {get("?since=unheard"), 422, "query.since"},
		"a truth that is none":        {get("?overdue=unheard"), 422, "query.overdue"},
		"a reason in prose":           {request{method: "DELETE", path: "/api/v1/tenants/acme?reason=un+heard"}, 422, "query.reason"},
		"a token that is none":        {get("?page_token=unheard"), 422, "query.page_token"},
		"a query without end":         {get("?page_token=" + strings.Repeat("unheard", 1000)), 400, "query"},
		"a semicolon":                 {get("?limit=1;unheard=2"), 400, "query"},
		"a key of spaces": {request{method: "POST", path: jobsPath, body: waiting("acme"),
			header: map[string]string{"Idempotency-Key": "un heard"}}, 422, "header.Idempotency-Key"},
		"a body of nothing": {request{method: "POST", path: jobsPath, header: key}, 400, "body"},
		"a body without what it needs": {post(`{"tenant_id":"acme"}`),
			422, "body"},
		"a body with a wrong tenant":                  {post(`{"tenant_id":"un heard","reason":"gone"}`), 422, "body.tenant_id"},
		"a body with a number for a text":             {post(`{"tenant_id":4711,"reason":"gone"}`), 422, "body.tenant_id"},
		"a body with null":                            {post(`{"tenant_id":null,"reason":"gone"}`), 422, "body.tenant_id"},
		"a body with a key nobody knows, deep inside": {extra(`"policy":{"unheard":1}`), 422, "body.policy"},
		"a key spelt differently":                     {extra(`"Tenant_ID":"unheard"`), 422, "body"},
		"a body with a time before time":              {extra(`"not_before":"unheard"`), 422, "body.not_before"},
		"a body with half a second":                   {extra(`"policy":{"grace_seconds":1.5}`), 422, "body.policy.grace_seconds"},
		"a body with a second that no number holds":   {extra(`"policy":{"grace_seconds":1e300}`), 422, ""},
	} {
		t.Run(claim+" is refused", func(t *testing.T) {
			t.Parallel()
			w := w.as(t)
			r := w.do(misuse.q)
			p := r.refused(misuse.status, byStatus[misuse.status].code)
			require.NotContains(t, strings.ToLower(string(r.body)), "unheard")
			require.NotContains(t, string(r.body), "un heard")
			if misuse.location != "" {
				require.NotEmpty(t, p.Errors)
				require.Equal(t, misuse.location, p.Errors[0].Location, "%s", r.body)
			}
		})
	}
}

func TestHeadersThatStandTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := w.make(request{method: "POST", path: jobsPath, body: waiting("acme")})
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	p := w.send(r).refused(http.StatusUnprocessableEntity, CodeInvalid)
	require.Equal(t, "header.Idempotency-Key", p.Errors[0].Location)
	r = w.make(request{method: "POST", path: jobsPath, body: waiting("acme"), header: map[string]string{"Idempotency-Key": "a"}})
	r.Header["Content-Type"] = []string{"application/json", "text/plain"}
	w.send(r).refused(http.StatusUnsupportedMediaType, CodeMediaType)
}

func TestHeadAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, path := range []string{jobsPath, "/livez", participantsPath, "/openapi.yaml"} {
		require.Empty(t, w.do(request{method: "HEAD", path: path}).is(http.StatusOK).body)
	}
	w.do(request{method: "HEAD", path: jobsPath, as: "-"}).is(http.StatusUnauthorized)
	r := w.do(request{method: "DELETE", path: jobsPath})
	r.refused(http.StatusMethodNotAllowed, CodeMethod)
	require.Equal(t, "GET, HEAD, POST", r.header.Get("Allow"))
	require.Equal(t, "GET, HEAD, PUT", w.do(request{method: "POST", path: participantsPath}).header.Get("Allow"))
}

// There is one format, whatever is asked for.
func TestAcceptIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, accept := range []string{"text/html", "*/*", "application/xml;q=1", ";;;q=", "json", ",", "a;q"} {
		r := w.do(request{method: "GET", path: jobsPath, header: map[string]string{"Accept": accept}}).is(http.StatusOK)
		require.Equal(t, "application/json", r.header.Get("Content-Type"))
		require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	}
}

func TestContentTypesThatAreJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"} {
		header := map[string]string{"Idempotency-Key": "key-" + string(rune('a'+i)), "Content-Type": contentType}
		w.do(request{method: "POST", path: jobsPath, body: waiting("acme"), header: header}).is(http.StatusAccepted)
	}
}
