package events_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// vector is a message with a signature that other implementations are held against.
type vector struct {
	Claim    string             `json:"claim"`
	Verifies bool               `json:"verifies"`
	Seed     string             `json:"seed"` // of whoever signed; everybody knows it
	Trusted  []events.PublicKey `json:"trusted"`
	Subject  string             `json:"subject"`
	Header   map[string]string  `json:"header"`
	Body     string             `json:"body"`
	Signed   string             `json:"signed"` // the bytes that the protocol signs
}

func (v vector) message() events.Message {
	return events.Message{Subject: v.Subject, Header: v.Header, Body: []byte(v.Body)}
}

func vectors(t *testing.T) map[string]vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "signature", "v1", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	all := map[string]vector{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var v vector
		require.NoError(t, json.Unmarshal(body, &v))
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return all
}

func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	for name, v := range vectors(t) {
		t.Run(name+": "+v.Claim, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, strings.HasPrefix(name, "valid"), v.Verifies)
			if !v.Verifies {
				require.ErrorIs(t, events.Verify(v.message(), v.Trusted...), events.ErrSignature)
				return
			}
			require.NoError(t, events.Verify(v.message(), v.Trusted...))
			pair, err := nkeys.FromSeed([]byte(v.Seed))
			require.NoError(t, err)
			signature, err := pair.Sign([]byte(v.Signed))
			require.NoError(t, err)
			require.Equal(t, v.Header[events.HeaderSignature], base64.StdEncoding.EncodeToString(signature))
		})
	}
}
