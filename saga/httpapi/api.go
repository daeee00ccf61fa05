package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/time/rate"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// API is the HTTP API. It is safe for any number of requests at once.
type API struct {
	cfg        Config
	authoriser Authoriser
	mux        *http.ServeMux
	huma       huma.API
	document   document

	ruled   map[string]bool // names of rules that an operation has
	unruled []error         // operations that have none

	strangers *rate.Limiter // of records of callers who are not known

	streams    chan struct{} // holds one for each live stream
	ending     context.Context
	endStreams context.CancelFunc
}

var _ http.Handler = (*API)(nil)

// New makes an API of the parts that the configuration has. Who may use it is the authoriser's word alone. An operation without
// a rule, or a rule without an operation, is an error.
func New(authoriser Authoriser, cfg Config) (*API, error) {
	a, err := assemble(authoriser, cfg)
	if err != nil {
		return nil, err
	}
	return a, everyRule()
}

func assemble(authoriser Authoriser, cfg Config) (*API, error) {
	if authoriser == nil {
		return nil, errors.New("httpapi: Authoriser: missing")
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, authoriser: authoriser, mux: http.NewServeMux(), ruled: map[string]bool{},
		streams: make(chan struct{}, cfg.StreamsMax), strangers: rate.NewLimiter(strangersPerSecond, strangersBurst)}
	a.ending, a.endStreams = context.WithCancel(context.Background())
	a.huma = humago.New(a.mux, a.settings())
	a.mount()
	if err := errors.Join(a.unruled...); err != nil {
		return nil, err
	}
	var err error
	if a.document, err = finish(a.huma.OpenAPI()); err != nil {
		return nil, fmt.Errorf("httpapi: describe: %w", err)
	}
	a.mux.HandleFunc("GET /openapi.json", a.document.serveJSON)
	a.mux.HandleFunc("GET /openapi.yaml", a.document.serveYAML)
	return a, nil
}

// mount registers the operations of every part that is there.
func (a *API) mount() {
	a.mountHealth()
	if a.cfg.Coordinator != nil {
		a.mountJobs()
		a.mountActions()
		a.mountEvents()
		a.mountPreviews()
	}
	if a.cfg.Coordinator != nil && a.cfg.Repair != nil {
		a.mountReplays()
	}
	if a.cfg.Guards != nil {
		a.mountGuards()
	}
	if a.cfg.Repair != nil {
		a.mountDeadLetters()
	}
	if a.cfg.Rosters != nil {
		a.mountParticipants()
	}
	if a.cfg.Audit != nil {
		a.mountAudit()
	}
	if a.cfg.Services != nil {
		a.mountServices()
	}
	if a.cfg.Tenants != nil {
		a.mountTenants()
	}
}

// EndStreams ends the live streams, and refuses new ones. It does not wait for them. It is safe to call again.
func (a *API) EndStreams() { a.endStreams() }

// Document is the OpenAPI document of what this API serves, in YAML.
func (a *API) Document() []byte { return a.document.yaml }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &answer{ResponseWriter: w}
	defer a.recovered(out, r)
	out.Header().Set("X-Content-Type-Options", "nosniff")
	out.Header().Set("Cache-Control", "no-store")
	if path.Clean(r.URL.Path) != r.URL.Path {
		writeProblem(out, problemOf(http.StatusNotFound)) // the mux would redirect, and a deletion must not follow anybody
		return
	}
	if handler, pattern := a.mux.Handler(r); pattern == "" {
		a.unrouted(out, r, handler)
		return
	}
	r = r.Clone(r.Context())
	r.Header.Del("Accept") // there is one format; the reading of this header is not worth a dependency's mistakes
	a.mux.ServeHTTP(out, r)
}

// unrouted answers what the mux would answer in plain text: 404, or 405 with the methods that there are.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	said := refusal{header: http.Header{}}
	handler.ServeHTTP(&said, r)
	if said.status != http.StatusMethodNotAllowed {
		writeProblem(w, problemOf(http.StatusNotFound))
		return
	}
	w.Header().Set("Allow", said.header.Get("Allow"))
	writeProblem(w, problemOf(http.StatusMethodNotAllowed))
}

// recovered answers a request whose handling panicked.
func (a *API) recovered(out *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	a.cfg.Logger.Error().Str("kind", r.Pattern).Interface("panic", fmt.Sprint(cause)).Bytes("stack", debug.Stack()).Msg("panicked")
	if out.status == 0 {
		writeProblem(out, problemOf(http.StatusInternalServerError))
	}
}

// answer remembers whether an answer has begun, and keeps a type away from answers that have no body.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *answer) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if status == http.StatusNotModified || status == http.StatusNoContent {
		w.Header().Del("Content-Type")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answer) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// refusal is an answer that is only looked at.
type refusal struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (w *refusal) Header() http.Header { return w.header }

// Write implements http.ResponseWriter.
func (w *refusal) Write(body []byte) (int, error) { return len(body), nil }

// WriteHeader implements http.ResponseWriter.
func (w *refusal) WriteHeader(status int) { w.status = status }

// Document is the OpenAPI document of the whole API, in YAML, with the platform's routes of the named services.
func Document(services map[string]events.Participant) ([]byte, error) {
	a, err := New(AuthoriserFunc(refuseAll), wholeConfig(services))
	if err != nil {
		return nil, err
	}
	return a.Document(), nil
}

// wholeConfig has every part, described and not there.
func wholeConfig(services map[string]events.Participant) Config {
	return Config{Audit: absent{}, Coordinator: absent{}, Guards: absent{}, Repair: absent{}, Rosters: absent{},
		Tenants: absent{}, Services: named{names: services}}
}

// refuseAll lets nobody in.
func refuseAll(context.Context, Access) (Caller, error) { return Caller{}, ErrForbidden }

// absent stands for parts whose operations are only described.
type absent struct {
	saga.Trail
	Coordinator
	Guards
	Repair
	Rosters
	Tenants
}

// named stands for services whose operations are only described.
type named struct {
	Services
	names map[string]events.Participant
}

// Names implements Services.
func (n named) Names() map[string]events.Participant { return n.names }
