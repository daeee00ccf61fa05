package tokens

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// shop is a service that counts how often it is reached.
type shop struct{ reached atomic.Int64 }

func (*shop) Names() map[string]events.Participant {
	return map[string]events.Participant{"orders": "orders"}
}

func (s *shop) Erase(_ context.Context, p events.Participant, tenant events.TenantID, _ string) (*events.Result, error) {
	s.reached.Add(1)
	return &events.Result{TenantID: tenant, ServiceName: p, Success: true, Timestamp: time.Now()}, nil
}

func (s *shop) Count(_ context.Context, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	s.reached.Add(1)
	return events.Preview{TenantID: tenant, ServiceName: p}, nil
}

// The same forgeries, through a server (E2): nothing is reached, nothing is repeated, and the issuer is asked once an interval.
func TestForgeriesOverHTTP(t *testing.T) {
	t.Parallel()
	i, s := newIssuer(t), &shop{}
	a := i.authoriser(nil)
	api, err := httpapi.New(a, httpapi.Config{Services: s})
	require.NoError(t, err)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	path := server.URL + "/api/v1/orders/tenant/acme"
	send := func(query string, values ...string) (status int, challenge, body string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, path+query, http.NoBody)
		require.NoError(t, err)
		if values != nil {
			r.Header["Authorization"] = values
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			require.ErrorContains(t, err, "invalid header") // such a request cannot be sent
			return http.StatusUnauthorized, "Bearer", ""
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, answer.Header.Get("WWW-Authenticate"), string(text)
	}
	forged := forgeries(t, server.URL)
	delete(forged, "a blank behind") // HTTP takes it away
	for claim, c := range forged {
		t.Run(claim+" is refused", func(t *testing.T) {
			status, challenge, body := send("", c.values...)
			require.Equal(t, http.StatusUnauthorized, status, body)
			require.Equal(t, "Bearer", strings.Fields(challenge)[0])
			for _, value := range c.values {
				for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '.' || r == ' ' }) {
					require.False(t, len(part) > 8 && strings.Contains(challenge+body, part), "no word of the token is told")
				}
			}
		})
	}
	genuine := good(t, map[string]any{"roles": []string{"service"}, "service": "crm"})
	for _, query := range []string{"?access_token=", "?token=", "?authorization=Bearer%20"} {
		status, _, _ := send(query + genuine)
		require.Equal(t, http.StatusUnauthorized, status, "a token in the query is none")
		status, _, _ = send(query+genuine, "Bearer "+genuine)
		require.Equal(t, http.StatusUnprocessableEntity, status, "nor may it stand there beside one")
	}
	require.Zero(t, s.reached.Load())
	require.Equal(t, 1, i.requests())

	i.pass(10 * time.Second)
	eve, _ := fresh(t, "eve")
	unknown := by(t, eve)
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			if status, _, _ := send("", "Bearer "+unknown); status != http.StatusUnauthorized {
				t.Errorf("an unknown key is answered with %d", status)
			}
		})
	}
	wait.Wait()
	require.Equal(t, 1, i.requests(), "200 requests with an unknown key cost the issuer one")
	require.Zero(t, s.reached.Load())
	status, _, body := send("", "Bearer "+genuine)
	require.Equal(t, http.StatusOK, status, body)
	require.EqualValues(t, 1, s.reached.Load())
}
