package httpapi

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoopbackAuthoriser(t *testing.T) {
	t.Parallel()
	type headers = map[string][]string
	const here = "127.0.0.1:1"
	for claim, ask := range map[string]struct {
		peer, host string
		header     headers
		subject    string
		err        error
	}{
		"this machine is let in":               {peer: "127.0.0.1:5000", subject: "local"},
		"over IPv6 too":                        {peer: "[::1]:5000", host: "[::1]:8080", subject: "local"},
		"mapped into IPv6 too":                 {peer: "[::ffff:127.0.0.1]:5000", host: "localhost", subject: "local"},
		"it says who asks":                     {peer: "127.0.0.9:1", header: headers{"Td-Actor": {"user:7"}}, subject: "user:7"},
		"another machine is not":               {peer: "192.168.1.7:5000", err: ErrUnauthenticated},
		"another machine's name does not help": {peer: "192.168.1.7:5000", host: "localhost", err: ErrUnauthenticated},
		"no peer is not":                       {peer: "@", err: ErrUnauthenticated},
		"an actor in prose is not":             {peer: here, header: headers{"Td-Actor": {"a b"}}, err: ErrUnauthenticated},
		"an empty actor is not":                {peer: here, header: headers{"Td-Actor": {""}}, err: ErrUnauthenticated},
		"two actors are not":                   {peer: here, header: headers{"Td-Actor": {"a", "b"}}, err: ErrUnauthenticated},
		"what a proxy forwarded is not":        {peer: here, header: headers{"X-Forwarded-For": {"::1"}}, err: ErrUnauthenticated},
		"a name that points here is not":       {peer: here, host: "evil.test:8080", err: ErrForbidden},
		"another site's page is not":           {peer: here, header: headers{"Sec-Fetch-Site": {"cross-site"}}, err: ErrForbidden},
		"another origin is not":                {peer: here, header: headers{"Origin": {"http://evil.test"}}, err: ErrForbidden},
		"our own page is":                      {peer: here, header: headers{"Sec-Fetch-Site": {"same-origin"}}, subject: "local"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/api/v1/deletion-jobs", nil)
			r.RemoteAddr, r.Host = ask.peer, "127.0.0.1:8080"
			if ask.host != "" {
				r.Host = ask.host
			}
			for name, values := range ask.header {
				r.Header[name] = values
			}
			caller, err := LoopbackAuthoriser{}.Authorise(t.Context(), Access{Operation: "submitJob", Request: r})
			require.ErrorIs(t, err, ask.err)
			require.Equal(t, ask.subject, caller.Subject)
			require.Equal(t, err == nil, caller.Admin(), "whoever may do everything is an administrator")
		})
	}
}
