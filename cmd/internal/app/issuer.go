package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// Names of the issuer that a platform on one machine has. Its tokens count there and nowhere else: its keys are in no other set.
const (
	localIssuerName = "urn:tenant-deletion:local"
	localAudience   = "tenant-deletion"

	issuerKeyFile = "tokens.key"       // PKCS #8 in PEM, mode 0600
	issuerSetFile = "tokens.jwks.json" // the public part
	issuerURLFile = "api.url"          // where the platform that runs serves its API
)

// LocalTokenTTLMax is how long a LocalToken may be valid at most.
const LocalTokenTTLMax = 24 * time.Hour

// LocalIssuer makes tokens for a platform on this machine, with the key in its data folder. Whoever can read the folder can be
// anybody there: it is for trying out.
type LocalIssuer struct {
	dir string
	key ed25519.PrivateKey
}

// LocalToken is what a token says. Its fields are not checked: a token that says nonsense is refused where it is used.
type LocalToken struct {
	Roles   []httpapi.Role
	Scopes  []httpapi.Scope
	Service string
	Subject string
	// TTL is how long it is valid. Zero means 1 h.
	TTL time.Duration
}

// LocalAdmin is a token for everything that people may do.
func LocalAdmin(subject string) LocalToken {
	return LocalToken{Roles: []httpapi.Role{httpapi.RoleAdmin, httpapi.RoleOperator}, Scopes: httpapi.AllScopes(), Subject: subject}
}

// OpenLocalIssuer reads the key in a data folder that a platform has been started on.
func OpenLocalIssuer(dir string) (*LocalIssuer, error) {
	path := filepath.Join(dir, issuerKeyFile)
	text, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("key of local tokens: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("key of local tokens: %s is not in PEM; remove it and start again", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("key of local tokens: %s is no Ed25519 key; remove it and start again", path)
	}
	return &LocalIssuer{dir: dir, key: key}, nil
}

// makeLocalIssuer makes the key at the first start, and lays its public part beside it.
func makeLocalIssuer(dir string) (*LocalIssuer, error) {
	issuer, err := OpenLocalIssuer(dir)
	if errors.Is(err, fs.ErrNotExist) {
		var made []byte
		if made, err = newIssuerKey(); err != nil {
			return nil, err
		}
		if err := keepOnce(filepath.Join(dir, issuerKeyFile), made); err != nil {
			return nil, fmt.Errorf("key of local tokens: %w", err)
		}
		issuer, err = OpenLocalIssuer(dir)
	}
	if err != nil {
		return nil, err
	}
	set := map[string]any{"keys": []any{map[string]string{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
		"kid": issuer.kid(), "x": base64.RawURLEncoding.EncodeToString(issuer.public())}}}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	return issuer, issuer.lay(issuerSetFile, text)
}

func newIssuerKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// lay writes a file of the folder as a whole.
func (i *LocalIssuer) lay(name string, text []byte) error {
	path := filepath.Join(i.dir, name)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("local tokens: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("local tokens: %w", err)
	}
	return nil
}

func (i *LocalIssuer) public() ed25519.PublicKey { return i.key.Public().(ed25519.PublicKey) }

// kid names the key by what it is.
func (i *LocalIssuer) kid() string {
	sum := sha256.Sum256(i.public())
	return "local-" + base64.RawURLEncoding.EncodeToString(sum[:9])
}

// auth are the settings with which its tokens count.
func (i *LocalIssuer) auth() AuthConfig {
	return AuthConfig{Mode: AuthJWT, Issuer: localIssuerName, Audience: localAudience, JWKSFile: filepath.Join(i.dir, issuerSetFile)}
}

// Mint makes a token.
func (i *LocalIssuer) Mint(t LocalToken) (string, error) {
	if t.TTL == 0 {
		t.TTL = time.Hour
	}
	now := time.Now()
	claims := jwt.MapClaims{"iss": localIssuerName, "aud": localAudience, "sub": t.Subject, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(t.TTL).Unix()}
	if len(t.Roles) > 0 {
		claims["roles"] = t.Roles
	}
	if len(t.Scopes) > 0 {
		words := make([]string, len(t.Scopes))
		for n, scope := range t.Scopes {
			words[n] = string(scope)
		}
		claims["scope"] = strings.Join(words, " ")
	}
	if t.Service != "" {
		claims["service"] = t.Service
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = i.kid()
	text, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("local token: %w", err)
	}
	return text, nil
}

// LocalURL is where the platform of a data folder serves its API; empty when none does.
func LocalURL(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, issuerURLFile))
	if err != nil {
		return "" // nobody has said so
	}
	return strings.TrimSpace(string(text))
}
