package httpapi

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageToken(t *testing.T) {
	t.Parallel()
	filters := url.Values{"state": {"failed"}}
	token := pageToken("listJobs", filters, "after-this")
	after, err := pageAfter(token, "listJobs", url.Values{"state": {"failed"}})
	require.NoError(t, err)
	require.Equal(t, "after-this", after)
	require.Equal(t, url.QueryEscape(token), token)
	after, err = pageAfter("", "listJobs", filters)
	require.NoError(t, err)
	require.Empty(t, after)
	spelt := func(body string) string { return pageCodec.EncodeToString([]byte(body)) }
	rest := `,"l":"listJobs","f":"` + digest(filters) + `","a":"x"}`
	for claim, wrong := range map[string]struct {
		token, list string
		filters     url.Values
	}{
		"another list":          {token, "listDeadLetters", filters},
		"other filters":         {token, "listJobs", url.Values{"state": {"completed"}}},
		"an id that is missing": {pageToken("listJobs", filters, ""), "listJobs", filters},
		"a token cut off":       {token[:len(token)-4], "listJobs", filters},
		"a token padded":        {token + "=", "listJobs", filters},
		"another spelling":      {spelt(` {"v":1` + rest), "listJobs", filters},
		"another version":       {spelt(`{"v":2` + rest), "listJobs", filters},
	} {
		t.Run(claim+" is refused", func(t *testing.T) {
			t.Parallel()
			after, err := pageAfter(wrong.token, wrong.list, wrong.filters)
			require.ErrorIs(t, err, errPage)
			require.Empty(t, after)
		})
	}
}

// A token that is accepted is one that this package made: there is no second spelling of it.
func FuzzPageToken(f *testing.F) {
	filters := url.Values{"state": {"failed"}}
	f.Add(pageToken("listJobs", filters, nothing))
	f.Add(pageToken("listJobs", filters, "\x00\xff"))
	f.Add("AAAA")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, token string) {
		after, err := pageAfter(token, "listJobs", filters)
		if err != nil {
			require.ErrorIs(t, err, errPage)
			require.Empty(t, after)
			return
		}
		if token != "" {
			require.NotEmpty(t, after)
			require.Equal(t, token, pageToken("listJobs", filters, after))
		}
		if job, err := jobAfter(token, "listJobs", filters); err == nil {
			require.LessOrEqual(t, len(job), 36)
		}
	})
}
