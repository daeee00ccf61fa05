package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// keys of bodies are lower case. Nothing else may pass: encoding/json reads a key in any case, and takes the last of two.
var bodyKeyForm = regexp.MustCompile(`^[a-z_]+$`)

// errForm stands for what encoding/json says, which names our types to strangers.
var errForm = errors.New("does not have the form that the document asks for")

// read checks what huma passes over, before it sees the request: parameters that stand twice or are empty, queries that two
// readers could read differently, and bodies that are too long, of another type, or ambiguous.
func (a *API) read(w http.ResponseWriter, r *http.Request, op *huma.Operation) error {
	if err := readQuery(r, op.Parameters); err != nil {
		return err
	}
	for _, p := range op.Parameters {
		if p.In == "header" && len(r.Header.Values(p.Name)) > 1 {
			return invalidField("header."+p.Name, "must stand once")
		}
	}
	if op.RequestBody == nil {
		return nil
	}
	body, err := a.readBody(w, r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		if op.RequestBody.Required {
			return problemOf(http.StatusBadRequest).in("body", "must not be empty")
		}
		return nil
	}
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := parameters["charset"]; err != nil || media != "application/json" ||
		len(r.Header.Values("Content-Type")) > 1 || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problemOf(http.StatusUnsupportedMediaType)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Body = io.NopCloser(bytes.NewReader(body))
	return checkSpelling(body)
}

// readQuery makes the query canonical, so that every reader behind reads the same.
func readQuery(r *http.Request, parameters []*huma.Param) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > queryBytesMax {
		return problemOf(http.StatusBadRequest).in("query", "must be a query of at most 4096 bytes")
	}
	for name, values := range query {
		at := slices.IndexFunc(parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		switch {
		case at < 0:
			return invalidField("query", "has a parameter that this operation does not have")
		case slices.Contains(values, ""):
			return invalidField("query."+name, "must not be empty")
		case len(values) > 1 && parameters[at].Schema.Type != huma.TypeArray:
			return invalidField("query."+name, "must stand once")
		}
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

func (a *API) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// A writer without deadlines is no connection.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.cfg.RequestTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.cfg.BodyBytesMax))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, problemOf(http.StatusRequestEntityTooLarge)
	case err != nil:
		return nil, problemOf(http.StatusBadRequest).in("body", "did not arrive")
	}
	return body, nil
}

// checkSpelling refuses bodies that two readers could read differently.
func checkSpelling(body []byte) error {
	if !utf8.Valid(body) || !json.Valid(body) {
		return problemOf(http.StatusBadRequest).in("body", "must be one JSON value in UTF-8")
	}
	return spelling(json.NewDecoder(bytes.NewReader(body)), 0)
}

// spelling walks one value. The body is valid JSON, so that the decoder's errors are none.
func spelling(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil || depth > bodyDepthMax {
		return problemOf(http.StatusBadRequest).in("body", "is nested too deeply")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			key, _ := dec.Token()
			name, _ := key.(string)
			if seen[name] {
				return problemOf(http.StatusBadRequest).in("body", "has a key twice")
			}
			if !bodyKeyForm.MatchString(name) {
				return invalidField("body", "has a key that this operation does not have")
			}
			seen[name] = true
		}
		if err := spelling(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// format is JSON, read without telling strangers about our types.
func format() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(body []byte, v any) error {
		if json.Unmarshal(body, v) != nil {
			return errForm
		}
		return nil
	}}
}
