package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// said is a whole answer.
type said struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, r *http.Request) said {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return said{answer.StatusCode, answer.Header, string(body)}
}

func callAs(t *testing.T, p *Platform, method, path string, who LocalToken) said {
	t.Helper()
	token, err := p.Token(who)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, p.URL()+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return send(t, r)
}

// What he owned is gone in the end, and with it what the tables say of him; the job that he asked for is still his to read.
func TestOwnerDeletesHisTenant(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{})
	tenants, _ := tenantsOf(t, p, 0, 2)
	owned(t, p, tenants[0], ann)
	owned(t, p, tenants[1], bob)
	owner := func(user string) LocalToken {
		return LocalToken{Subject: user, Roles: []httpapi.Role{httpapi.RoleOwner}}
	}
	path := "/api/v1/tenants/" + string(tenants[0])
	require.Equal(t, http.StatusForbidden, callAs(t, p, http.MethodDelete, path, owner(bob)).status)
	asked := callAs(t, p, http.MethodDelete, path, owner(ann))
	require.Equal(t, http.StatusAccepted, asked.status)
	job := asked.header.Get("Location")
	stream := callAs(t, p, http.MethodGet, job+"/events/live", owner(ann))
	require.Equal(t, http.StatusOK, stream.status)
	require.Contains(t, stream.body, `"state":"completed"`, "he follows it to its end")

	read := callAs(t, p, http.MethodGet, job, owner(ann))
	require.Equal(t, http.StatusOK, read.status)
	require.Contains(t, read.body, `"requested_by":"`+ann)
	require.Equal(t, http.StatusNotFound, callAs(t, p, http.MethodGet, job, owner(bob)).status)
	require.Equal(t, http.StatusForbidden, callAs(t, p, http.MethodDelete, path, owner(ann)).status, "he owns it no more")
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	ended, err := p.Wait(ctx, tenants[0], "")
	require.NoError(t, err)
	require.Equal(t, saga.StateCompleted, ended.State)
	others, err := p.Store().Jobs(ctx, saga.Filter{Tenant: tenants[1]})
	require.NoError(t, err)
	require.Empty(t, others)
}

// A coordinator as a process of its own takes its settings from the environment, and reads who owns what from the tenant
// service's database.
func TestCoordinatorProcessWithTokens(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{})
	tenants, _ := tenantsOf(t, p, 0, 1)
	owned(t, p, tenants[0], ann)
	p.StopCoordinator()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())
	auth := p.issuer.auth()
	process := startProcess(t, []string{"DATABASE_URL=" + p.DSN("coordinator"), "NATS_URL=" + p.NATSURL(), "AUTH=jwt",
		"AUTH_ISSUER=" + auth.Issuer, "AUTH_AUDIENCE=" + auth.Audience, "AUTH_JWKS_FILE=" + auth.JWKSFile, "HTTP_ADDR=" + addr,
		"TENANTS_DATABASE_URL=" + p.DSN(tenantService)}, "coordinator", "--audit",
		"--signing-seed-file", p.folders.seed())
	served(t, process, "http://"+addr)

	ask := func(path string, who *LocalToken) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, http.NoBody)
		require.NoError(t, err)
		if who != nil {
			token, err := p.Token(*who)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return send(t, r).status
	}
	owner := &LocalToken{Subject: ann, Roles: []httpapi.Role{httpapi.RoleOwner}}
	admin := LocalAdmin("user:7")
	const list = "/api/v1/deletion-jobs"
	require.Equal(t, http.StatusUnauthorized, ask(list, nil), "this machine needs a token too")
	require.Equal(t, http.StatusOK, ask(list, &admin))
	require.Equal(t, http.StatusOK, ask(list+"?tenant_id="+string(tenants[0]), owner))
	require.Equal(t, http.StatusForbidden, ask(list+"?tenant_id="+absent, owner))
	require.Equal(t, http.StatusOK, ask("/readyz", nil))
	process.interrupt()
	require.NotContains(t, process.log.String(), "eyJ", "no log line holds a token")
}

// served waits until a process serves its API.
func served(t *testing.T, p *process, url string) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(waitMax)
	for {
		select {
		case <-poll.C:
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/livez", http.NoBody)
			require.NoError(t, err)
			if answer, err := http.DefaultClient.Do(r); err == nil {
				require.NoError(t, answer.Body.Close())
				return
			}
		case <-p.done:
			require.FailNow(t, "the process has ended")
		case <-deadline:
			require.FailNow(t, "the API is not served")
		}
	}
}
