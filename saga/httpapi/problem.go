package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Codes of a Problem. The set is closed; programs match it.
const (
	CodeInvalid            = "invalid_request"
	CodeKeyMissing         = "idempotency_key_missing"
	CodeKeyReused          = "idempotency_key_reused"
	CodeUnauthenticated    = "unauthenticated"
	CodeForbidden          = "forbidden"
	CodeNotFound           = "not_found"
	CodeMethod             = "method_not_allowed"
	CodeConflict           = "conflict"
	CodeWrongState         = "wrong_state"
	CodePastPivot          = "past_pivot"
	CodeFourEyes           = "four_eyes"
	CodeHeld               = "held"
	CodePaused             = "paused"
	CodePreviewMismatch    = "preview_mismatch"
	CodeSoleOwner          = "sole_owner"
	CodeVersion            = "version_mismatch"
	CodePreconditionNeeded = "precondition_required"
	CodeTooLarge           = "too_large"
	CodeMediaType          = "unsupported_media_type"
	CodeTooMany            = "too_many_requests"
	CodeInternal           = "internal"
	CodeUnavailable        = "unavailable"
)

// ErrUnavailable says that something this process needs does not answer, in the words of whoever implements a part. Errors
// of networks, deadlines and PostgreSQL's own say so by themselves.
var ErrUnavailable = errors.New("does not answer")

// answers is the one table from an error to what strangers see: a status, a code and a sentence, never the cause. The first
// that matches counts.
var answers = []struct {
	err    error
	status int
	code   string
	detail string
}{
	{ErrUnauthenticated, http.StatusUnauthorized, CodeUnauthenticated, "Who is asking is not known. A bearer token is needed."},
	{ErrForbidden, http.StatusForbidden, CodeForbidden, "The caller may not do this."},
	{ErrNoTenant, http.StatusNotFound, CodeNotFound, "There is no such tenant."},
	{ErrNoUser, http.StatusNotFound, CodeNotFound, "There is no such user."},
	{ErrNotAdmin, http.StatusConflict, CodeConflict, "The new owner must be an active admin of the tenant."},
	{ErrOwnsItself, http.StatusConflict, CodeConflict, "The new owner is the owner already."},
	{saga.ErrNotFound, http.StatusNotFound, CodeNotFound, "There is nothing of this id."},
	{saga.ErrVersion, http.StatusPreconditionFailed, CodeVersion, "The job has changed since it was read. Read it again."},
	{saga.ErrPastPivot, http.StatusConflict, CodePastPivot, "Deletion has begun: the job only goes forward."},
	{saga.ErrFourEyes, http.StatusConflict, CodeFourEyes, "Whoever asked for the deletion may not approve it."},
	{saga.ErrHeld, http.StatusConflict, CodeHeld, "A legal hold stands on the tenant. Release it first."},
	{saga.ErrPaused, http.StatusConflict, CodePaused, "Deletions are paused. Resume them first."},
	{saga.ErrPreviewTenant, http.StatusConflict, saga.ReasonPreviewTenant, previewAnswers[saga.ReasonPreviewTenant]},
	{saga.ErrPreviewExpired, http.StatusConflict, saga.ReasonPreviewExpired, previewAnswers[saga.ReasonPreviewExpired]},
	{saga.ErrPreviewMismatch, http.StatusConflict, CodePreviewMismatch,
		"The job confirms another preview. Read it, and repeat the fingerprint of what you approve."},
	{saga.ErrUncounted, http.StatusServiceUnavailable, CodeUnavailable, "A participant cannot be counted now. Ask again later."},
	{saga.ErrConflict, http.StatusUnprocessableEntity, CodeKeyReused,
		"The idempotency key was used before with another request. Use a new one."},
	{saga.ErrState, http.StatusConflict, CodeWrongState, "This is not possible as things stand."},
	{saga.ErrMismatch, http.StatusUnprocessableEntity, CodeInvalid, "A participant that is named is not on the job's roster."},
	{saga.ErrUndecided, http.StatusServiceUnavailable, CodeUnavailable, "The tenant rules cannot be asked. Ask again later."},
	{saga.ErrInvariant, http.StatusInternalServerError, CodeInternal, "The request failed for a reason that was logged."},
	{events.ErrInvalid, http.StatusUnprocessableEntity, CodeInvalid, "The request has a value that is not allowed."},
}

// byStatus are the problems that no error of ours stands behind.
var byStatus = map[int]struct{ code, detail string }{
	http.StatusBadRequest:            {CodeInvalid, "The request cannot be read."},
	http.StatusNotFound:              {CodeNotFound, "There is nothing here."},
	http.StatusMethodNotAllowed:      {CodeMethod, "There is something here, for other methods: see the header Allow."},
	http.StatusRequestEntityTooLarge: {CodeTooLarge, "The body is too large."},
	http.StatusUnsupportedMediaType:  {CodeMediaType, "The body must be application/json."},
	http.StatusUnprocessableEntity:   {CodeInvalid, "The request has a value that is not allowed."},
	http.StatusPreconditionRequired:  {CodePreconditionNeeded, `Say which version was read: If-Match: "<version>", or *.`},
	http.StatusTooManyRequests:       {CodeTooMany, "Too many live streams are open. Ask again later."},
	http.StatusInternalServerError:   {CodeInternal, "The request failed for a reason that was logged."},
	http.StatusServiceUnavailable:    {CodeUnavailable, "Something that is needed does not answer. Ask again later."},
}

// Guards.
var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	header := http.Header{}
	switch p.Code {
	case CodeUnauthenticated, CodeForbidden:
		if p.challenge != "" {
			header.Set("WWW-Authenticate", p.challenge)
		}
	case CodeTooMany:
		header.Set("Retry-After", streamRetry)
	case CodeUnavailable:
		header.Set("Retry-After", unavailableWait)
	}
	return header
}

// problem makes a problem; its type is its code.
func problem(status int, code, detail string) *Problem {
	return &Problem{Type: "urn:tenant-deletion:problem:" + code, Title: http.StatusText(status), Status: status, Code: code,
		Detail: detail}
}

// realm begins every challenge.
const realm = `Bearer realm="tenant-deletion"`

// challenging says with the answer how a request like this would be let in (RFC 6750, section 3).
func (p *Problem) challenging(scope Scope) *Problem {
	switch {
	case p.Code == CodeUnauthenticated && p.challenge == "":
		p.challenge = realm
	case p.Code == CodeForbidden && scope != "":
		p.challenge = realm + `, error="insufficient_scope", scope="` + string(scope) + `"`
	}
	return p
}

// refusedToken is the answer to a token that does not count. Its words are safe in a header: see TokenError.
func refusedToken(e *TokenError) *Problem {
	p := problem(http.StatusUnauthorized, CodeUnauthenticated, "The token is refused: "+e.Why+".")
	p.challenge = realm + `, error="invalid_token", error_description="` + e.Why + `"`
	return p
}

func problemOf(status int) *Problem {
	known, ok := byStatus[status]
	if !ok {
		return problemOf(http.StatusInternalServerError)
	}
	return problem(status, known.code, known.detail)
}

// in names a place of the request.
func (p *Problem) in(location, message string) *Problem {
	p.Errors = append(p.Errors, FieldProblem{Location: location, Message: message})
	return p
}

func invalidField(location, message string) *Problem {
	return problemOf(http.StatusUnprocessableEntity).in(location, message)
}

// fail makes a problem of an error, and logs the cause: here and nowhere else.
func fail(logger zerolog.Logger, err error) *Problem {
	p := translate(err)
	level := zerolog.DebugLevel
	switch {
	case p.Status == http.StatusServiceUnavailable && errors.Is(err, context.Canceled): // the asker is gone
	case p.Status >= http.StatusInternalServerError:
		level = zerolog.ErrorLevel
	}
	logger.WithLevel(level).Err(err).Str("code", p.Code).Msg("refused")
	return p
}

func translate(err error) *Problem {
	var made *Problem
	var sole *SoleOwnerError
	var token *TokenError
	var ruled *saga.RefusedError
	switch {
	case errors.As(err, &made):
		return made
	case errors.As(err, &token):
		return refusedToken(token)
	case errors.As(err, &ruled) && previewAnswers[ruled.Code] != "":
		return problem(http.StatusConflict, ruled.Code, previewAnswers[ruled.Code])
	case errors.As(err, &ruled):
		return ruleProblem(ruled)
	case errors.As(err, &sole):
		p := problem(http.StatusConflict, CodeSoleOwner, "The user is the sole owner of tenants: transfer or delete these first.")
		p.Tenants = sole.Tenants
		return p
	}
	for _, known := range answers {
		if errors.Is(err, known.err) {
			p := problem(known.status, known.code, known.detail)
			if words := refusalWords(err); words != "" {
				p.Detail += " Reason: " + words + "."
			}
			return p
		}
	}
	if isUnavailable(err) {
		return problemOf(http.StatusServiceUnavailable)
	}
	return problemOf(http.StatusInternalServerError)
}

// refusalWords are what the core says when it refuses: names of states, participants and jobs, and nothing that was sent.
func refusalWords(err error) string {
	if !errors.Is(err, saga.ErrState) {
		return ""
	}
	_, words, _ := strings.Cut(err.Error(), saga.ErrState.Error()+": ")
	words, _, _ = strings.Cut(words, "\n")
	return words
}

// isUnavailable reports whether an error says that a store or the bus does not answer.
func isUnavailable(err error) bool {
	var network net.Error
	var sql interface{ SQLState() string }
	switch {
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &sql): // no connection, no resources, shutting down
		class := sql.SQLState()
		return strings.HasPrefix(class, "08") || strings.HasPrefix(class, "53") || strings.HasPrefix(class, "57P")
	}
	return errors.As(err, &network)
}

// atState says in which state the job is that an action was refused for.
func atState(err error, job saga.Job) error {
	p := translate(err)
	if p.Status != http.StatusConflict && p.Status != http.StatusPreconditionFailed || job.State == "" {
		return err
	}
	return &stated{cause: err, problem: p, state: string(job.State)}
}

// stated carries a job's state to the problem without losing the cause for the log.
type stated struct {
	cause   error
	problem *Problem
	state   string
}

// Error implements error.
func (s *stated) Error() string { return s.cause.Error() }

// As hands out the problem.
func (s *stated) As(target any) bool {
	p, ok := target.(**Problem)
	if ok {
		s.problem.State = s.state
		*p = s.problem
	}
	return ok
}

// restate makes a problem of what huma found wrong. It drops the values, and names no key that only the asker knows.
func restate(_ huma.Context, _ string, v any) (any, error) {
	found, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := problemOf(found.Status)
	for _, e := range found.Errors {
		message, _, _ := strings.Cut(e.Message, ": ") // behind it are causes, some of which quote
		location := e.Location
		if strings.HasPrefix(message, "unexpected property") || strings.HasPrefix(message, "unknown query parameter") {
			location = location[:max(strings.LastIndexByte(location, '.'), 0)]
		}
		p = p.in(location, message)
	}
	return p, nil
}

// writeProblem answers with a problem outside of an operation.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the asker may be gone
}
