package erasectl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// Limits of what is read.
const (
	answerBytesMax = 64 << 20 // a page of a thousand jobs is a hundredth of it
	tokenBytesMax  = 64 << 10
)

// api speaks to the coordinator. What it holds of a token is never printed.
type api struct {
	base    *url.URL
	http    *http.Client
	actor   string
	bearer  bearer
	within  func(context.Context) (context.Context, context.CancelFunc)
	version string
}

// client prepares the client; nothing is sent yet.
func (k *console) client() (*api, error) {
	base, err := parseAPI(k.api)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	a := &api{base: base, actor: k.actor, within: k.within, version: readBuild().Version, http: &http.Client{
		Transport: transport,
		// A token goes to the server that was named and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if a.bearer, err = k.bearerFor(base); err != nil {
		return nil, err
	}
	return a, nil
}

func parseAPI(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	web := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	if !web || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, app.Usage("--api: want a URL like %s, without user, query and fragment [$ERASECTL_API]", defaultAPI)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// readToken reads the file for every request, so that one that is renewed is used at once.
func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", app.Usage("--token-file: %w [$ERASECTL_TOKEN_FILE]", err)
	}
	defer file.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, tokenBytesMax))
	if err != nil {
		return "", app.Usage("--token-file: %w [$ERASECTL_TOKEN_FILE]", err)
	}
	token := string(bytes.TrimSpace(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", app.Usage("--token-file: the file holds no token [$ERASECTL_TOKEN_FILE]")
	}
	return token, nil
}

// call is one exchange. About names what is asked for, for the error of one that is not there.
type call struct {
	method string
	path   string
	query  url.Values
	header map[string]string
	body   any
	about  string
}

// do sends a call and reads its answer into a value. The answer's header and code are returned with 2xx and 304.
func (a *api) do(ctx context.Context, c call, into any) (code int, header http.Header, err error) {
	ctx, cancel := a.within(ctx)
	defer cancel()
	answer, err := a.send(ctx, c)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() // it is read to its end, or given up
	if answer.StatusCode == http.StatusNotModified {
		return answer.StatusCode, answer.Header, nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	if err != nil {
		return 0, nil, a.unreachable(ctx, err)
	}
	if len(text) > answerBytesMax {
		return 0, nil, fmt.Errorf("the API's answer is larger than %d bytes; ask for less with --limit", answerBytesMax)
	}
	if answer.StatusCode/100 != 2 {
		return 0, nil, a.refusal(c, answer, text)
	}
	if into == nil || len(text) == 0 {
		return answer.StatusCode, answer.Header, nil
	}
	// Into a new value: what the answer leaves out must not be what an answer before it had said.
	fresh := reflect.New(reflect.TypeOf(into).Elem())
	if err := json.Unmarshal(text, fresh.Interface()); err != nil {
		return 0, nil, fmt.Errorf("%s does not answer as the deletion API does (no JSON of its form); correct --api", a.base.Redacted())
	}
	reflect.ValueOf(into).Elem().Set(fresh.Elem())
	return answer.StatusCode, answer.Header, nil
}

// send sends a call; whoever calls it closes the body.
func (a *api) send(ctx context.Context, c call) (*http.Response, error) {
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := *a.base
	target.Path += c.path
	target.RawQuery = c.query.Encode()
	r, err := http.NewRequestWithContext(ctx, cmp.Or(c.method, http.MethodGet), target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if c.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json, application/problem+json")
	r.Header.Set("User-Agent", "erasectl/"+a.version)
	if a.bearer != nil {
		token, err := a.bearer()
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if a.actor != "" {
		r.Header.Set(httpapi.ActorHeader, a.actor)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	return answer, nil
}

// unreachable says that nobody answers; an interrupt of ours is not that.
func (a *api) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("interrupted before the API answered: %w", context.Cause(ctx))
	}
	why := err
	var of *url.Error
	if errors.As(err, &of) { // its own text repeats the address
		why = of.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		why = errors.New("no answer in time, see --timeout")
	}
	return app.Unreachable("the API at %s does not answer (%w); start the coordinator, or correct --api", a.base.Redacted(), why)
}

// probe asks for a path and returns whatever was answered.
func (a *api) probe(ctx context.Context, path string) (status int, body []byte, err error) {
	answer, err := a.send(ctx, call{path: path})
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() // it is read to its end, or given up
	body, err = io.ReadAll(io.LimitReader(answer.Body, tokenBytesMax))
	if err != nil {
		return 0, nil, a.unreachable(ctx, err)
	}
	return answer.StatusCode, body, nil
}

// refused is a problem that the API answered with.
type refused struct {
	problem httpapi.Problem
	about   string
	// after is how long the API asks to wait before it is tried again; zero when it does not say.
	after time.Duration
}

// refusal is the error of an answer that is not 2xx, with the exit code of its kind.
func (a *api) refusal(c call, answer *http.Response, text []byte) error {
	r := &refused{about: c.about, after: retryAfter(answer.Header)}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err := json.Unmarshal(text, &r.problem); kind != "application/problem+json" || err != nil {
		switch code := answer.StatusCode; code {
		case http.StatusUnauthorized, http.StatusForbidden:
			r.problem = httpapi.Problem{Title: http.StatusText(code)}
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // of a proxy in front
			return app.Unreachable("the API at %s does not answer (%d of a proxy); start the coordinator, or correct --api",
				a.base.Redacted(), code)
		default:
			return fmt.Errorf("%s does not answer as the deletion API does (%d without a problem document); correct --api",
				a.base.Redacted(), code)
		}
	}
	r.problem.Status = answer.StatusCode
	return app.Exit(r.exitCode(), "%w", r)
}

func (r *refused) exitCode() int {
	switch r.problem.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return app.ExitAuth
	case http.StatusNotFound:
		return app.ExitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired:
		return app.ExitConflict
	case http.StatusUnprocessableEntity:
		if r.problem.Code == httpapi.CodeKeyReused {
			return app.ExitConflict
		}
		return app.ExitUsage
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return app.ExitUsage
	case http.StatusServiceUnavailable:
		return app.ExitUnreachable
	}
	return app.ExitFailed
}

// Error says what was refused, why, and the way out, in one line.
func (r *refused) Error() string {
	p := r.problem
	why := cmp.Or(p.Detail, p.Title, p.Code, http.StatusText(p.Status))
	for _, field := range p.Errors {
		why += fmt.Sprintf("; %s: %s", field.Location, field.Message)
	}
	if len(p.Admins) > 0 {
		why = strings.TrimRight(why, ".") + " (" + strings.Join(p.Admins, ", ") + ")"
	}
	if p.State != "" && !strings.Contains(why, p.State) {
		why += ", the job is " + p.State
	}
	text := why
	if r.about != "" {
		text = r.about + ": " + why
	}
	text = strings.TrimRight(text, ".")
	if out := r.wayOut(); out != "" {
		text += "; " + out
	}
	return text
}

func (r *refused) wayOut() string {
	if out, ok := ruleWaysOut[r.problem.Code]; ok {
		return out
	}
	switch r.problem.Status {
	case http.StatusUnauthorized:
		return "say who asks with --token-file (401)"
	case http.StatusForbidden:
		return "ask with a token that may (403)"
	case http.StatusNotFound:
		return "erasectl list shows the jobs that are there"
	case http.StatusPreconditionFailed:
		return "erasectl get shows what it is now; repeat the command if it is still right"
	case http.StatusTooManyRequests:
		if r.after > 0 {
			return fmt.Sprintf("try again in %s", r.after)
		}
		return "try again later"
	case http.StatusServiceUnavailable:
		return "erasectl doctor shows what does not answer"
	case http.StatusInternalServerError:
		return "the coordinator's log has the cause"
	}
	switch r.problem.Code {
	case httpapi.CodeKeyReused:
		return "use another --key, or none"
	case httpapi.CodeFourEyes:
		return "let somebody else approve it"
	case httpapi.CodePastPivot, httpapi.CodeWrongState, httpapi.CodeConflict:
		return "erasectl get shows how it stands"
	}
	return ""
}

// retryAfterMax bounds what a server may make us wait.
const retryAfterMax = time.Minute

// retryAfter is the wait that an answer asks for, zero when it asks for none. Only seconds are understood; the API sends
// nothing else.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, retryAfterMax)
}
