package events_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// FuzzDecodePreviewRequest holds the question's decoder against its schema: what is accepted, the schema accepts too.
func FuzzDecodePreviewRequest(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "preview_request", "v1", "*.json"))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body)
	}
	schema := compiled(f)["preview_request"]
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, err := events.DecodePreviewRequest(body)
		if err != nil {
			require.ErrorIs(t, err, events.ErrInvalid)
			return
		}
		require.NoError(t, asked.TenantID.Validate())
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance))
	})
}

// FuzzVerify changes a signed message in every way: only the very message that was signed verifies.
func FuzzVerify(f *testing.F) {
	seed, err := events.NewSeed()
	require.NoError(f, err)
	signer, err := events.NewSigner(seed)
	require.NoError(f, err)
	signed, err := signer.Sign(events.Message{Subject: "tenant.deletion.requested.t1", Body: []byte(`{"a":1}`)})
	require.NoError(f, err)
	signature, key := signed.Header[events.HeaderSignature], signed.Header[events.HeaderKey]
	f.Add(signed.Subject, signed.Body, signature, key)
	f.Add(signed.Subject+"\n", signed.Body, signature, key)
	f.Add(signed.Subject, []byte("\n"+string(signed.Body)), signature, key)
	f.Add(signed.Subject, signed.Body, signature+"\n", key)
	f.Add(signed.Subject, signed.Body, "", "")
	f.Fuzz(func(t *testing.T, subject string, body []byte, sent, sentKey string) {
		m := events.Message{Subject: subject, Body: body,
			Header: map[string]string{events.HeaderSignature: sent, events.HeaderKey: sentKey}}
		err := events.Verify(m, signer.PublicKey())
		if err != nil {
			require.ErrorIs(t, err, events.ErrSignature)
			return
		}
		require.Equal(t, signed.Subject, subject)
		require.Equal(t, string(signed.Body), string(body))
		require.Equal(t, key, sentKey)
		want, err := base64.StdEncoding.DecodeString(signature)
		require.NoError(t, err)
		have, err := base64.StdEncoding.DecodeString(sent)
		require.NoError(t, err)
		require.Equal(t, want, have)
	})
}

// FuzzIDs holds the parsers of names and ids: what they accept stands in a subject as one token, and is written one way.
func FuzzIDs(f *testing.F) {
	for _, text := range []string{"bakery-1", "a.b", "*", ">", "A\n", "orders", "0191e3a4-0000-7000-8000-000000000001",
		"0191E3A4-0000-7000-8000-000000000001", strings.Repeat("a", 65), "é", "t\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var accepted []string
		if id, err := events.ParseTenantID(text); err == nil {
			accepted = append(accepted, string(id))
		}
		if p, err := events.ParseParticipant(text); err == nil {
			accepted = append(accepted, string(p))
		}
		if job, err := events.ParseJobID(text); err == nil {
			accepted = append(accepted, string(job))
		}
		for _, id := range accepted {
			require.Equal(t, text, id)
			require.LessOrEqual(t, len(id), 64)
			require.NotContains(t, id, ".")
			require.False(t, strings.ContainsAny(id, "*> \t\r\n\x00\"'"), id)
		}
	})
}
