package events_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/schema"
)

// compiled holds the schemas by what they describe: an event type, or one side of a preview.
func compiled(t testing.TB) map[events.Type]*jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	files, err := schema.Files.ReadDir(".")
	require.NoError(t, err)
	var types []events.Type
	for _, f := range files {
		raw, err := schema.Files.ReadFile(f.Name())
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		require.NoError(t, err)
		id := document.(map[string]any)["$id"].(string)
		require.NoError(t, compiler.AddResource(id, document))
		if name := strings.TrimSuffix(f.Name(), ".v1.json"); name != "definitions" {
			types = append(types, events.Type(name))
			require.Equal(t, events.SchemaURN(events.Type(name)), id)
		}
	}
	schemas := map[events.Type]*jsonschema.Schema{}
	for _, name := range types {
		schemas[name], err = compiler.Compile(events.SchemaURN(name))
		require.NoError(t, err)
	}
	require.Len(t, schemas, 10)
	return schemas
}

// subjectOf is where an event would travel, read without any check.
func subjectOf(body []byte) string {
	var e struct {
		Type    string `json:"type"`
		Subject string `json:"subject"`
		Data    struct {
			Source       string   `json:"source"`
			ServiceName  string   `json:"service_name"`
			Participants []string `json:"participants"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &e) != nil {
		return "unreadable"
	}
	tokens := []string{e.Type, e.Data.ServiceName, e.Subject}
	switch events.Type(e.Type) {
	case events.TypeSubmitted:
		tokens = []string{e.Type, e.Data.Source}
	case events.TypeReplayed:
		tokens[1] = strings.Join(e.Data.Participants, "")
	default: // the service's name, where there is one
	}
	return strings.ReplaceAll(strings.Join(tokens, "."), "..", ".")
}

func goldens(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "tenant.*", "v1", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 80)
	return files
}

// Every golden file is judged twice: by Decode and by the schema.
func TestGolden(t *testing.T) {
	t.Parallel()
	schemas := compiled(t)
	for _, file := range goldens(t) {
		name := filepath.Base(file)
		kind := events.Type(strings.Split(file, string(filepath.Separator))[1])
		t.Run(string(kind)+" "+strings.TrimSuffix(name, ".json"), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
			require.NoError(t, err)
			bySchema := schemas[kind].Validate(instance)
			event, byDecode := events.Decode(events.Message{Subject: subjectOf(body), Body: body})
			switch {
			case strings.HasPrefix(name, "valid"):
				require.NoError(t, byDecode)
				require.NoError(t, bySchema)
				again, err := events.Encode(event)
				require.NoError(t, err)
				twice, err := events.Decode(again)
				require.NoError(t, err)
				require.Equal(t, event, twice)
			case strings.HasPrefix(name, "invalid_beyond_schema"):
				require.ErrorIs(t, byDecode, events.ErrInvalid)
				require.NoError(t, bySchema)
			default:
				require.ErrorIs(t, byDecode, events.ErrInvalid)
				require.Error(t, bySchema)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	schemas := compiled(f)
	for _, file := range goldens(f) {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(subjectOf(body), body)
	}
	f.Add("", []byte(`{"data":`))
	f.Add("tenant.deleted.t", []byte(strings.Repeat(`{"data":`, 100)))
	f.Fuzz(func(t *testing.T, subject string, body []byte) {
		e, err := events.Decode(events.Message{Subject: subject, Body: body})
		if err != nil {
			require.ErrorIs(t, err, events.ErrInvalid)
			return
		}
		require.Equal(t, e.Subject, e.Data.TenantOf())
		require.NoError(t, e.Subject.Validate())
		again, err := events.Encode(e)
		require.NoError(t, err)
		require.Equal(t, subject, again.Subject)
		for _, accepted := range [][]byte{body, again.Body} {
			instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(accepted)))
			require.NoError(t, err)
			require.NoError(t, schemas[e.Type].Validate(instance))
		}
	})
}
