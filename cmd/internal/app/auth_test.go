package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// withTokens are settings whose tokens count.
func withTokens(t *testing.T) (AuthConfig, *LocalIssuer) {
	t.Helper()
	issuer, err := makeLocalIssuer(t.TempDir())
	require.NoError(t, err)
	return issuer.auth(), issuer
}

func TestMayListen(t *testing.T) {
	t.Parallel()
	jwt := AuthConfig{Mode: AuthJWT, Issuer: "i", Audience: "a", JWKSFile: "f"}
	with := func(tune func(*AuthConfig)) AuthConfig {
		c := jwt
		tune(&c)
		return c
	}
	secure := with(func(c *AuthConfig) { c.TLSCert, c.TLSKey = "c", "k" })
	for claim, c := range map[string]struct {
		addr string
		auth AuthConfig
		says string // empty: it may
	}{
		"this machine without tokens":            {"127.0.0.1:0", AuthConfig{}, ""},
		"this machine by name":                   {"localhost:0", AuthConfig{Mode: AuthLoopback}, ""},
		"this machine with tokens":               {"[::1]:0", jwt, ""},
		"other machines with tokens and TLS":     {"0.0.0.0:0", secure, ""},
		"every address with tokens and TLS":      {":8480", secure, ""},
		"other machines behind a proxy":          {"10.0.0.7:0", with(func(c *AuthConfig) { c.PlaintextBehindProxy = true }), ""},
		"other machines without tokens":          {"0.0.0.0:0", AuthConfig{}, "loopback address"},
		"every address without tokens":           {":8480", AuthConfig{}, "loopback address"},
		"other machines with tokens unencrypted": {"10.0.0.7:0", jwt, "other machines need TLS"},
		"a name of another machine":              {"erase.example:0", jwt, "other machines need TLS"},
		"no port":                                {"127.0.0.1", jwt, "host:port"},
		"a mode that is not there":               {"127.0.0.1:0", AuthConfig{Mode: "none"}, "loopback or jwt"},
		"an issuer that nobody asks":             {"127.0.0.1:0", AuthConfig{Issuer: "i"}, "--auth jwt alone"},
		"an audience that nobody asks for":       {"127.0.0.1:0", AuthConfig{Mode: AuthLoopback, Audience: "a"}, "--auth jwt alone"},
		"keys that nobody reads":                 {"127.0.0.1:0", AuthConfig{JWKSFile: "f"}, "--auth jwt alone"},
		"a proxy in front of no tokens":          {"127.0.0.1:0", AuthConfig{PlaintextBehindProxy: true}, "--plaintext-behind-proxy"},
		"a certificate without its key":          {"127.0.0.1:0", with(func(c *AuthConfig) { c.TLSCert = "c" }), "--tls-key"},
		"a certificate behind a proxy": {"127.0.0.1:0", with(func(c *AuthConfig) {
			c.TLSCert, c.TLSKey, c.PlaintextBehindProxy = "c", "k", true
		}), "--plaintext-behind-proxy"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			err := c.auth.mayListen("--http-addr", c.addr)
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Equal(t, ExitUsage, ExitCodeOf(err))
		})
	}
}

func TestGateSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		auth AuthConfig
		says string
	}{
		"no issuer":        {AuthConfig{Mode: AuthJWT, Audience: "a", JWKSURL: "https://i.test"}, "Issuer"},
		"no keys":          {AuthConfig{Mode: AuthJWT, Audience: "a", Issuer: "i"}, "exactly one"},
		"a file that away": {AuthConfig{Mode: AuthJWT, Audience: "a", Issuer: "i", JWKSFile: "/nowhere"}, "no such file"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			_, err := c.auth.open(nil, zerolog.Nop())
			require.ErrorContains(t, err, c.says)
			require.Equal(t, ExitUsage, ExitCodeOf(err))
		})
	}
}

// certificate makes one for this machine.
func certificate(t *testing.T, keyMode os.FileMode) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	der8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(cert, certPEM, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der8}), 0o600))
	require.NoError(t, os.Chmod(key, keyMode))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certPEM))
	return cert, key, roots
}

// A program serves its API over TLS with tokens, as the flags ask for it.
func TestServedWithTLS(t *testing.T) {
	t.Parallel()
	auth, issuer := withTokens(t)
	cert, key, roots := certificate(t, 0o600)
	auth.TLSCert, auth.TLSKey = cert, key
	addr := make(chan string, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	broken := make(chan string, 10)
	log := zerolog.New(writerFunc(func(line []byte) {
		announced(line, addr)
		if strings.Contains(string(line), "handshake") {
			broken <- string(line)
		}
	}))
	go func() {
		ended <- withAPI(ctx, door{addr: "127.0.0.1:0", auth: auth}, httpapi.Config{Services: services{only: "orders"}, Logger: log},
			func(ctx context.Context) error { <-ctx.Done(); return nil })
	}()
	served := <-addr
	client := func(tune func(*tls.Config)) *http.Client {
		c := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}
		tune(c)
		transport := &http.Transport{TLSClientConfig: c}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	ask := func(c *http.Client, scheme, token string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			scheme+"://"+served+"/api/v1/orders/tenant/acme/deletion-preview", http.NoBody)
		require.NoError(t, err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := c.Do(r)
		if err != nil {
			return 0, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	newest := client(func(*tls.Config) {})
	token, err := issuer.Mint(LocalAdmin("user:7"))
	require.NoError(t, err)
	for claim, c := range map[string]struct {
		token  string
		status int
	}{"nobody is let in": {"", http.StatusUnauthorized}, "an administrator is no service": {token, http.StatusForbidden}} {
		status, err := ask(newest, "https", c.token)
		require.NoError(t, err, claim)
		require.Equal(t, c.status, status, claim)
	}
	_, err = ask(client(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), "https", "")
	require.Error(t, err, "TLS 1.1 is too old")
	require.Contains(t, <-broken, `"level":"debug"`, "strangers do not fill the log")
	status, err := ask(client(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), "https", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	status, err = ask(http.DefaultClient, "http", token)
	require.True(t, err != nil || status == http.StatusBadRequest, "nothing is served unencrypted")
	newest.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
}

func TestKeyThatEverybodyMayRead(t *testing.T) {
	t.Parallel()
	cert, key, _ := certificate(t, 0o644)
	_, err := AuthConfig{TLSCert: cert, TLSKey: key}.tls()
	require.ErrorContains(t, err, "chmod")
	require.Equal(t, ExitUsage, ExitCodeOf(err))
}

func TestLocalIssuer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := OpenLocalIssuer(dir)
	require.ErrorIs(t, err, os.ErrNotExist, "only a platform makes the key")
	first, err := makeLocalIssuer(dir)
	require.NoError(t, err)
	again, err := makeLocalIssuer(dir)
	require.NoError(t, err)
	require.Equal(t, first.key, again.key, "the next start has the same key")
	path := filepath.Join(dir, issuerKeyFile)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	set, err := os.ReadFile(filepath.Join(dir, issuerSetFile))
	require.NoError(t, err)
	require.NotContains(t, string(set), `"d"`, "the set is public")

	t.Run("a token of another folder does not count", func(t *testing.T) {
		t.Parallel()
		g, err := first.auth().open(nil, zerolog.Nop())
		require.NoError(t, err)
		t.Cleanup(g.close)
		_, stranger := withTokens(t)
		for issuer, want := range map[*LocalIssuer]error{first: nil, stranger: httpapi.ErrUnauthenticated} {
			token, err := issuer.Mint(LocalAdmin("user:7"))
			require.NoError(t, err)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			_, err = g.authoriser.Authorise(t.Context(), httpapi.Access{Request: r, Rule: httpapi.Rule{Scope: httpapi.ScopeAuditRead}})
			require.ErrorIs(t, err, want)
		}
	})
	t.Run("a key that others may read is refused", func(t *testing.T) {
		loose := t.TempDir()
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(loose, issuerKeyFile), text, 0o600))
		require.NoError(t, os.Chmod(filepath.Join(loose, issuerKeyFile), 0o640)) //nolint:gosec // that is the point
		_, err = OpenLocalIssuer(loose)
		require.ErrorContains(t, err, "chmod 600")
	})
	t.Run("a key that is none is refused", func(t *testing.T) {
		broken := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(broken, issuerKeyFile), []byte("nonsense"), 0o600))
		_, err := makeLocalIssuer(broken)
		require.ErrorContains(t, err, "not in PEM")
	})
}

// writerFunc hears log lines.
type writerFunc func([]byte)

func (f writerFunc) Write(line []byte) (int, error) { f(line); return len(line), nil }

// announced passes on the address that a log line says.
func announced(line []byte, addr chan<- string) {
	var said struct{ Addr string }
	if json.Unmarshal(line, &said) == nil && said.Addr != "" {
		addr <- said.Addr
	}
}
