package httpapi

import (
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

var update = flag.Bool("update", false, "rewrite openapi.yaml")

// platformServices are the routes of the reference platform (its twelve services, and the two other spellings).
func platformServices() map[string]events.Participant {
	services := map[string]events.Participant{"notifications": "notification", "alert-processor": "alert_processor"}
	for _, name := range []events.Participant{"orders", "inventory", "recipes", "sales", "production", "suppliers", "pos",
		"external", "forecasting", "training", "alert_processor", "notification"} {
		services[string(name)] = name
	}
	return services
}

func TestDocumentIsCommitted(t *testing.T) {
	t.Parallel()
	made, err := Document(platformServices())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("openapi.yaml", made, 0o600))
	}
	committed, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(committed), string(made), "the API has changed: go test ./saga/httpapi -update, and read the diff")
}

func platformServicesWith(name string) map[string]events.Participant {
	services := platformServices()
	services[name] = "orders"
	return services
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for path, contentType := range map[string]string{"/openapi.json": "application/openapi+json",
		"/openapi.yaml": "application/openapi+yaml"} {
		r := w.do(request{method: "GET", path: path, as: "-"}).is(http.StatusOK)
		require.Equal(t, contentType, r.header.Get("Content-Type"))
		require.Contains(t, string(r.body), "eraseService_order-service")
	}
	require.Equal(t, string(w.api.Document()), string(w.do(request{method: "GET", path: "/openapi.yaml"}).body))
}

// docs/api.md says what to do about every code.
func TestCodesAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	codes := []string{CodeKeyMissing, CodeSoleOwner}
	for _, known := range answers {
		codes = append(codes, known.code)
	}
	for _, known := range byStatus {
		codes = append(codes, known.code)
	}
	for code := range ruleAnswers {
		codes = append(codes, code)
	}
	for _, code := range codes {
		require.Contains(t, string(page), "`"+code+"`")
	}
}
