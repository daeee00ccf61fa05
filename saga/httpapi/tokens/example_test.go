package tokens_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi/tokens"
)

// The keys come from a file here; an identity provider serves them under a URL.
func ExampleNew() {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // everybody knows this one
	public := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	file := filepath.Join(os.TempDir(), fmt.Sprintf("example-keys-%d.json", os.Getpid()))
	set := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-11","use":"sig","x":"` + public + `"}]}`
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(file)

	authoriser, err := tokens.New(tokens.Config{Issuer: "https://id.example", Audience: "tenant-deletion", JWKSFile: file})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer authoriser.Close()
	request := httptest.NewRequest(http.MethodGet, "/api/v1/deletion-jobs", http.NoBody)
	access := httpapi.Access{Operation: "listJobs", Request: request, Rule: httpapi.Rule{Scope: httpapi.ScopeRead}}
	_, err = authoriser.Authorise(request.Context(), access)
	fmt.Println(err)

	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "https://id.example", "aud": "tenant-deletion",
		"sub": "user:7", "scope": "deletions:read", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = "2026-11"
	signed, err := token.SignedString(private)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+signed)
	caller, err := authoriser.Authorise(request.Context(), access)
	fmt.Println(caller.Subject, caller.Scopes, err)
	// Output:
	// who is asking is not known
	// user:7 [deletions:read] <nil>
}
