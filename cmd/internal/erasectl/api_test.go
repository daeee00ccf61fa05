package erasectl

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func TestAnAnswerReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	answers := []string{`{"state":"scheduled","blocked":{"code":"grace"}}`, `{"state":"cancelled"}`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answers[0]))
		answers = answers[1:]
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	a := &api{base: base, http: server.Client(), within: context.WithCancel}
	var job httpapi.Job
	for range 2 {
		_, _, err := a.do(t.Context(), call{path: "/"}, &job)
		require.NoError(t, err)
	}
	require.Nil(t, job.Blocked, "what the second answer does not say is not said")
}
