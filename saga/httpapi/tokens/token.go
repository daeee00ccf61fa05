package tokens

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// methods are the algorithms that count: asymmetric, and none with a hash that is older than SHA-256.
var methods = []string{"ES256", "EdDSA", "PS256", "RS256"}

// Forms of what a token says. The subject is that of requested_by.
var (
	subjectForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	tokenIDForm = regexp.MustCompile(`^[\x21-\x7e]+$`)
	tokenForm   = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
)

// refused makes the error of a token that does not count. The words are told to whoever sent it.
func refused(why string) error { return &httpapi.TokenError{Why: why} }

// bearer is the token of a request's headers.
func bearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", httpapi.ErrUnauthenticated
	case len(values) > 1:
		return "", refused("the header Authorization must stand once")
	case len(values[0]) > len("Bearer ")+tokenBytesMax:
		return "", refused("it is longer than 8 KiB")
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", httpapi.ErrUnauthenticated // another way to say who asks: ours is not known yet
	}
	if !tokenForm.MatchString(token) {
		return "", refused("it is not three parts in base64url")
	}
	if strings.IndexByte(token, '.') > headerBytesMax {
		return "", refused("its header is too long")
	}
	return token, nil
}

// reader reads tokens of one issuer for one audience.
type reader struct {
	parser      *jwt.Parser
	clock       func() time.Time
	leeway      time.Duration
	lifetimeMax time.Duration
}

func newReader(cfg Config) *reader {
	return &reader{clock: cfg.Clock, leeway: cfg.Leeway, lifetimeMax: cfg.LifetimeMax, parser: jwt.NewParser(
		jwt.WithValidMethods(methods), jwt.WithIssuer(cfg.Issuer), jwt.WithAudience(cfg.Audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Clock), jwt.WithStrictDecoding())}
}

// read verifies a token and says whose it is. Key finds the key of an id and an algorithm.
func (r *reader) read(token string, key func(kid, alg string) (any, error)) (httpapi.Caller, error) {
	claims := jwt.MapClaims{} // a map: names of claims are compared letter by letter
	_, err := r.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		kid, err := keyID(t.Header)
		if err != nil {
			return nil, err
		}
		return key(kid, t.Method.Alg())
	})
	if err != nil {
		return httpapi.Caller{}, plain(err)
	}
	return r.caller(claims)
}

// keyID is the key that a header names. A header that brings a key, points to one, or asks for what is not known, is refused.
func keyID(header map[string]any) (string, error) {
	for _, name := range []string{"crit", "jku", "jwk", "x5c", "x5u", "zip"} {
		if _, there := header[name]; there {
			return "", refused("its header has a parameter that is not followed")
		}
	}
	if typ, there := header["typ"]; there {
		text, _ := typ.(string)
		if !slices.Contains([]string{"jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(text)) {
			return "", refused("it is of another type")
		}
	}
	kid, ok := header["kid"].(string)
	if !ok || kid == "" || len(kid) > kidBytesMax {
		return "", refused("its header names no key")
	}
	return kid, nil
}

// whys say in our words why the library refuses a token. The first that matches counts.
var whys = []struct {
	is  error
	why string
}{
	{jwt.ErrTokenMalformed, "it cannot be read"},
	{jwt.ErrTokenUnverifiable, "its signature cannot be verified"},
	{jwt.ErrTokenSignatureInvalid, "its signature cannot be verified"},
	{jwt.ErrTokenInvalidIssuer, "it is of another issuer"},
	{jwt.ErrTokenInvalidAudience, "it is for another audience"},
	{jwt.ErrTokenExpired, "it has expired"},
	{jwt.ErrTokenNotValidYet, "it is not valid yet"},
	{jwt.ErrTokenUsedBeforeIssued, "it is not valid yet"},
}

// plain is an error of the library without its words, which quote. What a key's search failed with is handed on.
func plain(err error) error {
	var ours *httpapi.TokenError
	if errors.As(err, &ours) {
		return ours
	}
	var unknown *keysError
	if errors.As(err, &unknown) {
		return unknown
	}
	for _, known := range whys {
		if errors.Is(err, known.is) {
			return refused(known.why)
		}
	}
	return refused("a claim is missing or of another form")
}

// caller is whom the claims of a verified token name.
func (r *reader) caller(claims jwt.MapClaims) (httpapi.Caller, error) {
	ends, err := claims.GetExpirationTime()
	if err != nil || ends == nil {
		return httpapi.Caller{}, refused("it does not end")
	}
	if ends.Sub(r.clock()) > r.lifetimeMax+r.leeway {
		return httpapi.Caller{}, refused("it is valid for too long")
	}
	c := httpapi.Caller{Until: ends.Add(r.leeway)}
	if c.Subject, err = text(claims, "sub"); err != nil || !subjectForm.MatchString(c.Subject) {
		return httpapi.Caller{}, refused("its subject has not the form of requested_by")
	}
	if c.TokenID, err = text(claims, "jti"); err != nil || len(c.TokenID) > tokenIDMax ||
		c.TokenID != "" && !tokenIDForm.MatchString(c.TokenID) {
		return httpapi.Caller{}, refused("its id has another form")
	}
	if c.Roles, err = roles(claims); err != nil {
		return httpapi.Caller{}, err
	}
	if c.Scopes, err = scopes(claims); err != nil {
		return httpapi.Caller{}, err
	}
	c.Scopes = c.Scopes.With(c.Roles)
	c.Source, err = service(claims, c.Roles)
	return c, err
}

// text is a claim that is a text, empty when it is not there.
func text(claims jwt.MapClaims, name string) (string, error) {
	claim, there := claims[name]
	said, ok := claim.(string)
	if there && !ok {
		return "", refused("a claim is missing or of another form")
	}
	return said, nil
}

// roles are those of the token that are ours; other programs have others.
func roles(claims jwt.MapClaims) (list httpapi.Roles, err error) {
	claim, there := claims["roles"]
	said, ok := claim.([]any)
	if there && !ok {
		return nil, refused("its roles are no list")
	}
	for _, one := range said {
		name, ok := one.(string)
		if !ok {
			return nil, refused("its roles are no list")
		}
		if role := httpapi.Role(name); slices.Contains(httpapi.AllRoles(), role) && !list.Has(role) {
			list = append(list, role)
		}
	}
	return list, nil
}

// scopes are those of the token that are ours.
func scopes(claims jwt.MapClaims) (list httpapi.Scopes, err error) {
	said, err := text(claims, "scope")
	if err != nil {
		return nil, refused("its scopes are no text")
	}
	for _, word := range strings.Fields(said) {
		if scope := httpapi.Scope(word); slices.Contains(httpapi.AllScopes(), scope) && !list.Has(scope) {
			list = append(list, scope)
		}
	}
	return list, nil
}

// service is the service that the token was made for. It has a name exactly when it has the role, and is nobody's
// administrator and no owner: a service asks for somebody else, and that must not be mixed up with what it may do itself.
func service(claims jwt.MapClaims, roles httpapi.Roles) (events.Participant, error) {
	said, err := text(claims, "service")
	if err != nil {
		return "", err
	}
	isService := roles.Has(httpapi.RoleService)
	switch {
	case isService != (said != ""):
		return "", refused("the role and the claim service go together")
	case !isService:
		return "", nil
	case roles.Has(httpapi.RoleAdmin) || roles.Has(httpapi.RoleOwner):
		return "", refused("a service is neither administrator nor owner")
	}
	name, err := events.ParseParticipant(said)
	if err != nil {
		return "", refused("its service has another form")
	}
	return name, nil
}
