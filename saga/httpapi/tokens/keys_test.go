package tokens

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func errorsAs(err error, target any) bool { return errors.As(err, target) }

// settle lets a reading that is due come to its end.
func (a *Authoriser) settle(t testing.TB) {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	a.keys.await(t.Context(), a.keys.refresh())
}

// fresh is a key that the issuer does not have yet.
func fresh(t testing.TB, kid string) (p pair, published map[string]any) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return pair{kid, jwt.SigningMethodEdDSA, private}, jwk(t, kid, public, "EdDSA")
}

// by is a token by a key.
func by(t testing.TB, p pair) string { return signed(t, p, claims(everything()), nil) }

// flood sends 200 tokens with key ids that nobody knows, all at once.
func flood(t *testing.T, a *Authoriser) {
	t.Helper()
	eve, _ := fresh(t, "")
	all := make([]string, 200)
	for n := range all {
		eve.kid = "eve-" + strings.Repeat("x", n+1)
		all[n] = by(t, eve)
	}
	var wait sync.WaitGroup
	errs := make([]error, len(all))
	for n, text := range all {
		wait.Go(func() { _, errs[n] = token(t, a, text) })
	}
	wait.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, httpapi.ErrUnauthenticated)
	}
}

func TestUnknownKeysCostOneRequestAnInterval(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a := i.authoriser(nil)
	flood(t, a)
	require.Equal(t, 1, i.requests(), "the first keys, and nothing for 200 unknown ones")
	i.pass(9 * time.Second)
	flood(t, a)
	require.Zero(t, i.requests(), "within the interval")
	for range 3 {
		i.pass(10 * time.Second)
		flood(t, a)
		require.Equal(t, 1, i.requests(), "200 at once share one")
		_, err := token(t, a, good(t, everything()))
		require.NoError(t, err)
	}
}

func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a := i.authoriser(nil)
	_, err := token(t, a, good(t, everything()))
	require.NoError(t, err)
	next, published := fresh(t, "next")
	i.set(func(i *issuer) { i.keys = append(i.keys, published) })

	_, err = token(t, a, by(t, next))
	require.ErrorIs(t, err, httpapi.ErrUnauthenticated, "for an interval a new key may be unknown")
	i.pass(10 * time.Second)
	_, err = token(t, a, by(t, next))
	require.NoError(t, err)
	_, err = token(t, a, good(t, everything()))
	require.NoError(t, err, "the old one counts beside it")

	i.set(func(i *issuer) { i.keys = []any{published} })
	i.pass(5 * time.Minute)
	a.settle(t)
	_, err = token(t, a, good(t, everything()))
	require.ErrorIs(t, err, httpapi.ErrUnauthenticated, "one that was withdrawn does not count any more")
	_, err = token(t, a, by(t, next))
	require.NoError(t, err)
	require.Equal(t, 3, i.requests())
}

func TestIssuerThatIsAway(t *testing.T) {
	t.Parallel()
	next, _ := fresh(t, "next")
	for claim, breaks := range map[string]func(*issuer){
		"that fails":                  func(i *issuer) { i.status = http.StatusInternalServerError },
		"that sends us elsewhere":     func(i *issuer) { i.status = http.StatusFound },
		"that says nothing":           func(i *issuer) { i.body = "{}" },
		"that talks nonsense":         func(i *issuer) { i.body = "<html>" },
		"that talks for ever":         func(i *issuer) { i.body = `{"keys":[],"a":"` + strings.Repeat("a", setBytesMax) + `"}` },
		"that has too many keys":      func(i *issuer) { i.body = `{"keys":[` + strings.Repeat("1,", setKeysMax) + `1]}` },
		"that has lost all its keys":  func(i *issuer) { i.body = `{"keys":[]}` },
		"that has none of our kind":   func(i *issuer) { i.body = `{"keys":[{"kid":"a","kty":"oct","k":"AAAA"}]}` },
		"that is a bad place to call": func(i *issuer) { i.status = http.StatusNoContent },
	} {
		t.Run(claim+" leaves the keys that are known", func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			a := i.authoriser(nil)
			require.NoError(t, a.Ready(t.Context()))
			i.set(breaks)
			i.pass(6 * time.Minute)
			a.settle(t)
			_, err := token(t, a, good(t, map[string]any{"scope": "deletions:read"}))
			require.NoError(t, err)
			_, err = token(t, a, by(t, next))
			require.ErrorIs(t, err, httpapi.ErrUnavailable, "whether it has another key is not known")
			require.Equal(t, 2, i.requests(), "it is not asked again for each request")

			i.pass(23*time.Hour + 54*time.Minute)
			_, err = token(t, a, good(t, map[string]any{"scope": "deletions:read"}))
			require.ErrorIs(t, err, httpapi.ErrUnavailable, "keys of yesterday count no more")
			require.Error(t, a.Ready(t.Context()))
			i.set(func(i *issuer) { i.status, i.body = 0, "" })
			i.pass(10 * time.Second)
			require.NoError(t, a.Ready(t.Context()))
		})
	}
	t.Run("that was never there lets nobody in, and everybody later", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		i.status = http.StatusServiceUnavailable
		a := i.authoriser(nil)
		require.ErrorIs(t, a.Ready(t.Context()), httpapi.ErrUnavailable)
		_, err := token(t, a, good(t, everything()))
		require.ErrorIs(t, err, httpapi.ErrUnavailable)
		i.set(func(i *issuer) { i.status = 0 })
		i.pass(10 * time.Second)
		_, err = token(t, a, good(t, everything()))
		require.NoError(t, err)
	})
}

// Whoever sends an unknown key and hangs up must not keep others from the new keys, and nobody waits longer than he wants.
func TestReadingGoesOnWithoutTheOneWhoBeganIt(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a := i.authoriser(nil)
	require.NoError(t, a.Ready(t.Context()))
	next, published := fresh(t, "next")
	gate := make(chan struct{})
	heard := make(chan struct{}, 10)
	i.set(func(i *issuer) { i.keys, i.gate, i.heard = append(i.keys, published), gate, heard })
	i.pass(10 * time.Second)

	gone, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	var wait sync.WaitGroup
	wait.Go(func() { _, _ = a.keys.find(gone, "next", "EdDSA") })
	<-heard // the reading is under way
	hangUp()
	i.pass(time.Minute) // and takes so long that another could begin
	_, err := a.keys.find(gone, "next", "EdDSA")
	require.ErrorIs(t, err, httpapi.ErrUnavailable, "who has no time left does not wait")
	_, err = token(t, a, good(t, everything()))
	require.NoError(t, err, "known keys do not wait for the reading")
	close(gate)
	_, err = token(t, a, by(t, next))
	require.NoError(t, err)
	wait.Wait()
	require.Equal(t, 2, i.requests())
}

func TestKeysInAFile(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(keys ...any) {
		text, err := json.Marshal(map[string]any{"keys": keys})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	write(i.keys...)
	a := i.authoriser(func(cfg *Config) { cfg.JWKSURL, cfg.JWKSFile = "", path })
	_, err := token(t, a, good(t, everything()))
	require.NoError(t, err)
	next, published := fresh(t, "next")
	write(published)
	i.pass(10 * time.Second)
	_, err = token(t, a, by(t, next))
	require.NoError(t, err, "a new key in the file counts without a restart")
	require.NoError(t, os.Remove(path))
	i.pass(6 * time.Minute)
	a.settle(t)
	_, err = token(t, a, by(t, next))
	require.NoError(t, err, "a file that is gone leaves the keys that are known")
	require.Zero(t, i.requests())
}
