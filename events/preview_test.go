package events_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// reread reads a body of a preview and writes it again.
func reread(kind string, body []byte) (again []byte, err error) {
	if kind == "preview_request" {
		request, err := events.DecodePreviewRequest(body)
		if err != nil {
			return nil, err
		}
		return events.EncodePreviewRequest(request)
	}
	preview, err := events.DecodePreview(body)
	if err != nil {
		return nil, err
	}
	return events.EncodePreview(preview)
}

// Every golden preview is judged twice: by its codec and by the schema.
func TestGoldenPreviews(t *testing.T) {
	t.Parallel()
	schemas := compiled(t)
	files, err := filepath.Glob(filepath.Join("testdata", "preview*", "v1", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 25)
	for _, file := range files {
		kind, name := strings.Split(filepath.ToSlash(file), "/")[1], filepath.Base(file)
		t.Run(kind+" "+strings.TrimSuffix(name, ".json"), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
			require.NoError(t, err)
			bySchema := schemas[events.Type(kind)].Validate(instance)
			again, byCodec := reread(kind, body)
			switch {
			case strings.HasPrefix(name, "valid"):
				require.NoError(t, byCodec)
				require.NoError(t, bySchema)
				require.JSONEq(t, string(body), string(again))
			case strings.HasPrefix(name, "invalid_beyond_schema"):
				require.ErrorIs(t, byCodec, events.ErrInvalid)
				require.NoError(t, bySchema)
			default:
				require.ErrorIs(t, byCodec, events.ErrInvalid)
				require.Error(t, bySchema)
			}
		})
	}
}

func TestPreviewCodec(t *testing.T) {
	t.Parallel()
	t.Run("what cannot be read is not written", func(t *testing.T) {
		t.Parallel()
		many, long := map[string]int64{}, strings.Repeat("x", 513)
		wordy := &events.Problem{Code: "internal", Detail: long}
		for i := range 1025 {
			many[fmt.Sprint(i)] = 0
		}
		counts := map[string]int64{"orders": 0}
		for why, p := range map[string]events.Preview{
			"no tenant":      {ServiceName: "orders", Counts: counts},
			"no name":        {TenantID: "a", Counts: counts},
			"no counts":      {TenantID: "a", ServiceName: "orders"},
			"empty counts":   {TenantID: "a", ServiceName: "orders", Counts: map[string]int64{}},
			"many counts":    {TenantID: "a", ServiceName: "orders", Counts: many},
			"a long reason":  {TenantID: "a", ServiceName: "orders", Counts: counts, Kept: map[string]string{"x": long}},
			"a long detail":  {TenantID: "a", ServiceName: "orders", Counts: counts, Error: wordy},
			"a strange code": {TenantID: "a", ServiceName: "orders", Counts: counts, Error: &events.Problem{Code: "Internal"}},
		} {
			_, err := events.EncodePreview(p)
			require.ErrorIs(t, err, events.ErrInvalid, why)
		}
		_, err := events.EncodePreviewRequest(events.PreviewRequest{TenantID: "a.b"})
		require.ErrorIs(t, err, events.ErrInvalid)
	})
	t.Run("a body beyond the limit is refused unread, whatever it says", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{`{"tenant_id":"a"}`, `{"tenant_id":"a","service_name":"orders","counts":{"orders":0}}`} {
			body += strings.Repeat(" ", 64<<10)
			_, err := events.DecodePreviewRequest([]byte(body))
			require.ErrorContains(t, err, "larger than")
			_, err = events.DecodePreview([]byte(body))
			require.ErrorContains(t, err, "larger than")
		}
	})
	t.Run("what is no JSON, more than one, or not UTF-8 is refused without being repeated", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"", "secret", `{"tenant_id":"secret"}{}`, "{\"tenant_id\":\"secret\",\"\xff\":1}",
			`{"tenant_id":"se cret"}`} {
			_, err := events.DecodePreviewRequest([]byte(body))
			require.ErrorIs(t, err, events.ErrInvalid, body)
			require.NotContains(t, err.Error(), "cret")
		}
	})
}

func FuzzDecodePreview(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "preview*", "v1", "*.json"))
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body)
	}
	schema := compiled(f)["preview"]
	f.Fuzz(func(t *testing.T, body []byte) {
		preview, err := events.DecodePreview(body)
		if err != nil {
			require.ErrorIs(t, err, events.ErrInvalid)
			return
		}
		again, err := events.EncodePreview(preview)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(again)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance))
	})
}
