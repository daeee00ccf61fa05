package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Tags of the document.
const (
	tagJobs         = "jobs"
	tagPreviews     = "previews"
	tagReplays      = "replays"
	tagDeadLetters  = "dead letters"
	tagParticipants = "participants"
	tagServices     = "services"
	tagTenants      = "tenants"
	tagAudit        = "audit"
	tagGuards       = "guards"
	tagHealth       = "health"
)

var tags = []*huma.Tag{
	{Name: tagJobs, Description: "A job is one tenant's deletion from request to end: ask for it, follow it, decide about it."},
	{Name: tagPreviews, Description: "Exact counts of what a deletion would delete now. No effect."},
	{Name: tagReplays, Description: "Ask participants again that failed, were silent, or came back from a backup."},
	{Name: tagGuards, Description: "What stands between jobs and their first delete: legal holds, a pause, the governor."},
	{Name: tagDeadLetters, Description: "Messages that could not be handled, with the reason."},
	{Name: tagParticipants, Description: "The services that must take part in every new job."},
	{Name: tagServices, Description: "The platform's routes of single services: a deletion outside of any job."},
	{Name: tagTenants, Description: "The tenant service's own routes: administrators, ownership, memberships."},
	{Name: tagAudit, Description: "Who asked for what, and what became of it. Nothing in it can be changed."},
	{Name: tagHealth, Description: "For whoever starts, stops and watches this process. Open to everybody."},
}

// The statuses that every operation behind the Authoriser can answer with.
var commonErrors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity,
	http.StatusInternalServerError, http.StatusServiceUnavailable}

// settings are huma's, with the defaults changed that do not suit us: no links to schemas in bodies, no routes of its own,
// and no parameter that is not known.
func (a *API) settings() huma.Config {
	config := huma.DefaultConfig("Tenant deletion", a.cfg.Version)
	config.OpenAPI = &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Tenant deletion", Version: a.cfg.Version,
			Description: "Deletes a tenant from every service of the platform, and proves it. Every error is a problem document " +
				"(RFC 9457) whose `code` programs may match.",
			License: &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
		},
		Servers: []*huma.Server{{URL: "/", Description: "Where this document came from."}},
		Tags:    a.tags(),
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT",
				Description: bearerWords}},
		},
	}
	config.CreateHooks = nil
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Formats = map[string]huma.Format{"application/json": format(), "json": format()}
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{restate}
	return config
}

// tags are those of the parts that are mounted.
func (a *API) tags() []*huma.Tag {
	mounted := map[string]bool{
		tagHealth: true, tagJobs: a.cfg.Coordinator != nil, tagPreviews: a.cfg.Coordinator != nil,
		tagReplays: a.cfg.Coordinator != nil && a.cfg.Repair != nil, tagDeadLetters: a.cfg.Repair != nil,
		tagGuards:       a.cfg.Guards != nil,
		tagParticipants: a.cfg.Rosters != nil, tagServices: a.cfg.Services != nil,
		tagTenants: a.cfg.Tenants != nil || a.cfg.Coordinator != nil, tagAudit: a.cfg.Audit != nil,
	}
	var list []*huma.Tag
	for _, tag := range tags {
		if mounted[tag.Name] {
			list = append(list, tag)
		}
	}
	return list
}

// schemaName keeps the types of events apart from ours.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name == "Problem" && strings.HasSuffix(t.PkgPath(), "/events") {
		return "StatedProblem"
	}
	return name
}

// describe is huma's description of an operation.
func (a *API) describe(op operation) huma.Operation {
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Tags: []string{op.tag}, Summary: op.summary,
		Description: op.description, DefaultStatus: op.success, Responses: map[string]*huma.Response{},
		Security:     security(ruleOf(op.id)),
		MaxBodyBytes: a.cfg.BodyBytesMax + 1, BodyReadTimeout: -1, // read by the guard, within its own limits
	}
	refuses := slices.Concat(commonErrors, op.refuses)
	if ruleOf(op.id).Open {
		refuses = op.refuses
	}
	for _, status := range refuses {
		described.Responses[strconv.Itoa(status)] = a.problemResponse(status)
	}
	if op.describe != nil {
		op.describe(&described)
	}
	return described
}

// bearerWords say how the document's security is to be read.
const bearerWords = "A JWT of the platform's issuer. Of the requirements that an operation lists, one is enough: a scope, " +
	"which stands in the claim scope, or a role, which stands in the claim roles. An owner may use an operation for the tenants " +
	"that are his by the tenant service's own tables, and for no other."

// security are the scopes and roles of which one is enough. OpenAPI 3.1 lets a requirement name roles.
func security(r Rule) []map[string][]string {
	list := []map[string][]string{}
	for _, word := range r.Anyone() {
		list = append(list, map[string][]string{"bearer": {word}})
	}
	return list
}

func (a *API) problemResponse(status int) *huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	response := &huma.Response{Description: http.StatusText(status),
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
	for name := range problemOf(status).GetHeaders() {
		response.Headers = map[string]*huma.Param{name: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	if status == http.StatusUnauthorized {
		response.Headers = map[string]*huma.Param{"WWW-Authenticate": {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	return response
}

// annotate says what huma cannot read off the types: examples, and headers that are refused with a status of their own when
// they are missing.
func (a *API) annotate(op operation) {
	item := a.huma.OpenAPI().Paths[op.path]
	described := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post,
		http.MethodDelete: item.Delete}[op.method]
	for _, p := range described.Parameters {
		p.Required = p.Required || slices.Contains(op.required, p.Name)
	}
	if described.RequestBody != nil && op.body != nil {
		described.RequestBody.Content["application/json"].Example = op.body
	}
	answer := described.Responses[strconv.Itoa(described.DefaultStatus)]
	if media := answer.Content["application/json"]; media != nil && op.answer != nil {
		media.Example = op.answer
	}
	for name, header := range answer.Headers {
		if header.Description == "" && header.Schema != nil {
			answer.Headers[name].Description = header.Schema.Description
		}
	}
}

// document is the OpenAPI document as it is served.
type document struct{ json, yaml []byte }

// finish closes the description: lists are never null, and the document does not change any more.
func finish(api *huma.OpenAPI) (d document, err error) {
	for _, schema := range api.Components.Schemas.Map() {
		neverNull(schema)
	}
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op != nil {
				finishOperation(op)
			}
		}
	}
	if d.json, err = json.Marshal(api); err != nil {
		return document{}, err
	}
	d.yaml, err = api.YAML()
	return d, err
}

func finishOperation(op *huma.Operation) {
	for _, p := range op.Parameters {
		neverNull(p.Schema)
	}
	for _, response := range op.Responses {
		for _, header := range response.Headers {
			neverNull(header.Schema)
		}
		for _, media := range response.Content {
			neverNull(media.Schema)
		}
	}
}

// neverNull takes null out of a schema. What is not there is left out, and no list of ours is null.
func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	s.Nullable = false
	neverNull(s.Items)
	for _, property := range s.Properties {
		neverNull(property)
	}
	if each, ok := s.AdditionalProperties.(*huma.Schema); ok {
		neverNull(each)
	}
}

func (d document) serveJSON(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(d.json) // the asker may be gone
}

func (d document) serveYAML(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+yaml")
	_, _ = w.Write(d.yaml) // the asker may be gone
}
