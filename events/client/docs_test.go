package client_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

// blocks are the code blocks of a language on a page.
func blocks(t *testing.T, page, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	require.NoError(t, err)
	for _, block := range strings.Split(string(text), "```"+language+"\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		all = append(all, code)
	}
	require.NotEmpty(t, all)
	return all
}

// What the pages show as Go is taken from the examples, which compile.
func TestPagesShowWhatCompiles(t *testing.T) {
	t.Parallel()
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	for _, page := range []string{"publish.md", "subscribe.md"} {
		for _, block := range blocks(t, page, "go") {
			require.Contains(t, string(examples), block, page)
		}
	}
}

// A service in another language publishes what the page shows, and gets the answers that the page lists.
func TestPageOfPublishing(t *testing.T) {
	t.Parallel()
	b := jetStream(t)
	body := blocks(t, "publish.md", "json")[0]
	var envelope struct {
		ID string `json:"id"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &envelope))
	ask := func(id string) string {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := b.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: "tenant.deletion.submitted.crm", Data: []byte(body),
			Header: nats.Header{"Nats-Msg-Id": {id}, "Content-Type": {"application/cloudevents+json"}}})
		require.NoError(t, err)
		return string(answer.Data)
	}
	require.JSONEq(t, `{"stream":"TD_INTAKE","seq":1}`, ask(envelope.ID))
	require.JSONEq(t, `{"stream":"TD_INTAKE","seq":1,"duplicate":true}`, ask(envelope.ID))
	stored, err := b.Last(t.Context(), events.StreamIntake, "tenant.deletion.submitted.crm")
	require.NoError(t, err)
	e, err := events.Decode(stored.Message)
	require.NoError(t, err)
	require.Equal(t, "crm:4711", e.Data.(*events.Submitted).RequestID)

	stream, err := b.js.Stream(t.Context(), events.StreamIntake)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxMsgs = 1
	_, err = b.js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	require.Contains(t, ask("another"), `"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}`)
}

// The starts that the page shows are read by deploy/nats.
func TestPageOfSubscribing(t *testing.T) {
	t.Parallel()
	starts := 0
	for _, line := range strings.Split(blocks(t, "subscribe.md", "sh")[0], "\n") {
		if _, argument, ok := strings.Cut(line, "--downstream billing"); ok {
			fields := strings.Fields(argument + " #")
			from, err := natsdeploy.ParseStart(strings.Trim(fields[0], "=#"))
			require.NoError(t, err)
			_, err = natsdeploy.Define(natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "billing", From: from}}})
			require.NoError(t, err)
			starts++
		}
	}
	require.Equal(t, 3, starts)
}
