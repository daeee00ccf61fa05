package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// shop is a process that serves one service's routes and nothing else.
type shop struct{}

func (shop) Names() map[string]events.Participant {
	return map[string]events.Participant{"loyalty": "loyalty"}
}

func (shop) Erase(_ context.Context, p events.Participant, tenant events.TenantID, _ string) (*events.Result, error) {
	return &events.Result{TenantID: tenant, ServiceName: p, Success: true, DeletedCounts: map[string]int64{"points": 7}}, nil
}

func (shop) Count(_ context.Context, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	return events.Preview{TenantID: tenant, ServiceName: p, Counts: map[string]int64{"points": 7}}, nil
}

// A participant's process mounts its own routes alone; who may call them is the Authoriser's word.
func ExampleNew() {
	authoriser := httpapi.AuthoriserFunc(func(_ context.Context, a httpapi.Access) (httpapi.Caller, error) {
		if a.Request.Header.Get("Authorization") != "Bearer platform" {
			return httpapi.Caller{}, httpapi.ErrUnauthenticated
		}
		return httpapi.Caller{Subject: "platform"}, nil
	})
	api, err := httpapi.New(authoriser, httpapi.Config{Services: shop{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range []string{"", "Bearer platform"} {
		request := httptest.NewRequest(http.MethodGet, "/api/v1/loyalty/tenant/acme/deletion-preview", http.NoBody)
		request.Header.Set("Authorization", token)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Header().Get("Content-Type"))
	}
	// Output:
	// 401 application/problem+json
	// 200 application/json
}
