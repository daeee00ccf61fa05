package tokens

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// keySet are the keys of one reading. It does not change.
type keySet struct {
	find    keyfunc.Keyfunc
	ids     map[string]bool
	ignored int // keys that are not for verifying tokens, or that nobody should trust
}

func (s *keySet) has(kid string) bool { return s.ids[kid] }

// key is a key for an algorithm; a key that says its algorithm is good for no other.
func (s *keySet) key(kid, alg string) (any, error) {
	found, err := s.find.KeyfuncCtx(context.Background())(&jwt.Token{Header: map[string]any{jwkset.HeaderKID: kid, "alg": alg}})
	if err != nil {
		return nil, refused("its algorithm is not that of its key")
	}
	return found, nil
}

// parseKeys reads a JSON Web Key Set. What is not for us is passed over: sets hold keys for other uses too. A set without one
// key that can be used is an error, so that an empty answer takes no keys away.
func parseKeys(body []byte) (*keySet, error) {
	var listed struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &listed) != nil || len(listed.Keys) > setKeysMax {
		return nil, fmt.Errorf("it is no key set of at most %d keys", setKeysMax)
	}
	store := jwkset.NewMemoryStorage()
	set := &keySet{ids: map[string]bool{}}
	for _, text := range listed.Keys {
		key, ok := parseKey(text)
		if !ok || set.ids[key.Marshal().KID] {
			set.ignored++
			continue
		}
		set.ids[key.Marshal().KID] = true
		if err := store.KeyWrite(context.Background(), key); err != nil {
			return nil, err
		}
	}
	if len(set.ids) == 0 {
		return nil, errors.New("the set has no key that can be used: want ES256, EdDSA, RS256 or PS256, with a kid, for signatures")
	}
	var err error
	set.find, err = keyfunc.New(keyfunc.Options{Storage: store})
	return set, err
}

// parseKey reads one key, and reports whether tokens may be verified with it. A key that was published with its private part is
// everybody's.
func parseKey(text json.RawMessage) (jwkset.JWK, bool) {
	var m jwkset.JWKMarshal
	if json.Unmarshal(text, &m) != nil || m.KID == "" || len(m.KID) > kidBytesMax || m.D != "" || m.K != "" {
		return jwkset.JWK{}, false
	}
	if m.USE != "" && m.USE != jwkset.UseSig || m.ALG != "" && !slices.Contains(methods, m.ALG.String()) {
		return jwkset.JWK{}, false
	}
	m.X5C, m.X5U, m.X5T, m.X5TS256 = nil, "", "", "" // the key counts, not what vouches for it elsewhere
	key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	return key, err == nil && strong(key.Key())
}

// strong reports whether a key is of a kind and size that count.
func strong(key any) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		return key.N.BitLen() >= rsaBitsMin && key.N.BitLen() <= rsaBitsMax
	}
	return false
}

// get reads from a URL. It follows nobody elsewhere.
func get(url string) func(context.Context) ([]byte, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", "application/jwk-set+json, application/json")
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close() // it is read to its end, or given up
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the issuer answers %d", answer.StatusCode)
		}
		return bounded(answer.Body)
	}
}

func readFile(path string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close() // it was only read
		return bounded(file)
	}
}

func bounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, setBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(body) > setBytesMax {
		return nil, fmt.Errorf("it is larger than %d bytes", setBytesMax)
	}
	return body, nil
}
