package erasectl

import (
	"cmp"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// bearer yields a token for each request; nil where there is none. Nothing that it holds is ever printed.
type bearer func() (string, error)

// ownTokenTTL is short: every request has a new one, and a live stream that ends with its token is taken up again.
const ownTokenTTL = 5 * time.Minute

// bearerFor is the token of who asks there: the one of a file, or for the platform that runs on this machine one that is made
// with the key in its data folder.
func (k *console) bearerFor(base *url.URL) (bearer, error) {
	if k.tokenFile != "" {
		if base.Scheme != "https" && !loopback(base.Hostname()) {
			return nil, app.Usage("--api: a token is not sent unencrypted to another machine; use https, or a tunnel to this one")
		}
		from := func() (string, error) { return readToken(k.tokenFile) }
		_, err := from() // what is wrong with it is said before anything is asked
		return from, err
	}
	dir, err := k.dataDir("")
	if err != nil || !sameLocal(app.LocalURL(dir), base) {
		return nil, nil // no platform of this machine serves there: the API says what it needs
	}
	issuer, err := app.OpenLocalIssuer(dir)
	if err != nil {
		return nil, app.Exit(app.ExitAuth, "%w; say who asks with --token-file", err)
	}
	return func() (string, error) {
		who := app.LocalAdmin(cmp.Or(k.actor, "local"))
		who.TTL = ownTokenTTL
		return issuer.Mint(who)
	}, nil
}

// sameLocal reports whether both are the same port of this machine.
func sameLocal(served string, asked *url.URL) bool {
	u, err := url.Parse(served)
	return err == nil && served != "" && u.Scheme == asked.Scheme && u.Port() == asked.Port() && loopback(u.Hostname()) &&
		loopback(asked.Hostname())
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// dataDir is the folder of the platform on this machine.
func (k *console) dataDir(given string) (string, error) {
	if dir := cmp.Or(given, k.getenv("TD_DATA_DIR")); dir != "" {
		return filepath.Abs(dir)
	}
	return defaultDataDir()
}

// tokenFlags are what a local token says.
type tokenFlags struct {
	roles, scopes         []string
	sub, service, dataDir string
	ttl                   time.Duration
}

// minted is a token as programs read it.
type minted struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (k *console) tokenCommand() *cobra.Command {
	var t tokenFlags
	c := &cobra.Command{Use: "token", Args: exactly(), Short: "Make a token for the platform on this machine",
		Long: `Make a token with the key in the data folder of erasectl dev, to try out who may what. It counts on that platform and
nowhere else. Without flags it is an administrator's. Whoever can read the folder can be anybody there.

erasectl itself needs none for that platform: it makes its own.`,
		Example: `  erasectl token --role owner --sub 0d3a6b55-2222-4c1d-9e8f-7a6b5c4d3e2f
  erasectl token --role operator --scope deletions:read,deletions:cancel --ttl 10m
  erasectl token --role service --service orders -o json`}
	f := c.Flags()
	f.StringSliceVar(&t.roles, "role", nil, "admin, owner, operator, auditor or service; several with commas; default admin")
	f.StringSliceVar(&t.scopes, "scope", nil, "scopes beyond those of the roles, like deletions:read; several with commas")
	f.StringVar(&t.sub, "sub", "", "who it is for, an opaque id; default the actor, the service, or local")
	f.StringVar(&t.service, "service", "", "name of the service that it is for, with --role service")
	f.DurationVar(&t.ttl, "ttl", time.Hour, "how long it is valid, at most 24h")
	f.StringVar(&t.dataDir, "data-dir", "", "data folder of the platform [$TD_DATA_DIR]")
	complete(c, "role", fixed(httpapi.AllRoles()))
	complete(c, "scope", fixed(httpapi.AllScopes()))
	completeNothing(c, "sub", "service", "ttl")
	c.RunE = k.run(func(*cobra.Command, []string) error {
		asked, err := t.token(k.actor)
		if err != nil {
			return err
		}
		dir, err := k.dataDir(t.dataDir)
		if err != nil {
			return app.Usage("--data-dir: %w", err)
		}
		issuer, err := app.OpenLocalIssuer(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return app.Exit(app.ExitNotFound, "no platform was started on %s; run erasectl dev first, or correct --data-dir", dir)
		}
		if err != nil {
			return app.Usage("--data-dir: %w", err)
		}
		text, err := issuer.Mint(asked)
		if err != nil {
			return err
		}
		made := minted{Token: text, ExpiresAt: k.now().Add(asked.TTL).UTC().Truncate(time.Second)}
		return k.show(made, func(p *paper) { p.line("%s", made.Token) })
	})
	return c
}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// token checks the flags: a token that no API takes is of no use.
func (t *tokenFlags) token(actor string) (asked app.LocalToken, err error) {
	if asked.Roles, err = closed("role", t.roles, httpapi.AllRoles()); err != nil {
		return asked, err
	}
	if asked.Scopes, err = closed("scope", t.scopes, httpapi.AllScopes()); err != nil {
		return asked, err
	}
	if len(asked.Roles)+len(asked.Scopes) == 0 {
		asked.Roles = []httpapi.Role{httpapi.RoleAdmin}
	}
	roles := httpapi.Roles(asked.Roles)
	switch isService := roles.Has(httpapi.RoleService); {
	case isService && !serviceName.MatchString(t.service):
		return asked, app.Usage("--service: want the name of a service, like orders, with --role service")
	case !isService && t.service != "":
		return asked, app.Usage("--service: goes with --role service")
	case isService && (roles.Has(httpapi.RoleAdmin) || roles.Has(httpapi.RoleOwner)):
		return asked, app.Usage("--role: a service is neither admin nor owner")
	case roles.Has(httpapi.RoleOwner) && t.sub == "":
		return asked, app.Usage("--sub: want the user id of the owner; the tenant service's admins route lists them")
	case roles.Has(httpapi.RoleOperator) && len(asked.Scopes) == 0:
		return asked, app.Usage("--scope: an operator may nothing without one, for example --scope deletions:read")
	case t.ttl <= 0 || t.ttl > app.LocalTokenTTLMax:
		return asked, app.Usage("--ttl: want a time of at most %s, like 10m", app.LocalTokenTTLMax)
	}
	asked.Subject, asked.Service, asked.TTL = cmp.Or(t.sub, actor, t.service, "local"), t.service, t.ttl
	if !actorForm.MatchString(asked.Subject) {
		return asked, app.Usage("--sub: want an opaque id, 1 to 128 of A-Z a-z 0-9 _ . : -")
	}
	return asked, nil
}

// closed are words of a closed set.
func closed[T ~string](flag string, given []string, set []T) (list []T, err error) {
	for _, text := range given {
		if !slices.Contains(set, T(text)) {
			return nil, app.Usage("--%s: must be one of %s", flag, words(set))
		}
		list = append(list, T(text))
	}
	return list, nil
}
