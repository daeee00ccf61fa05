package erasectl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// place is one context: where an installation is, and who asks there.
type place struct {
	Actor         string `yaml:"actor,omitempty"`
	API           string `yaml:"api,omitempty"`
	DatabaseURL   string `yaml:"database_url,omitempty"`
	NATSAPIPrefix string `yaml:"nats_api_prefix,omitempty"`
	NATSCA        string `yaml:"nats_ca,omitempty"`
	NATSCert      string `yaml:"nats_cert,omitempty"`
	NATSKey       string `yaml:"nats_key,omitempty"`
	NATSSeedFile  string `yaml:"nats_seed_file,omitempty"`
	NATSURL       string `yaml:"nats_url,omitempty"`
	Output        string `yaml:"output,omitempty"`
	TokenFile     string `yaml:"token_file,omitempty"`
}

// settings are the place's values by the name of their flag.
func (p place) settings() map[string]string {
	return map[string]string{"actor": p.Actor, "api": p.API, "database-url": p.DatabaseURL, "nats-url": p.NATSURL,
		"nats-api-prefix": p.NATSAPIPrefix, "nats-ca": p.NATSCA, "nats-cert": p.NATSCert, "nats-key": p.NATSKey,
		"nats-seed-file": p.NATSSeedFile,
		"output":         p.Output, "token-file": p.TokenFile}
}

// contextFile is the file of contexts.
type contextFile struct {
	Current  string           `yaml:"current,omitempty"`
	Contexts map[string]place `yaml:"contexts"`
}

func (f contextFile) names() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

var (
	contextForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,62}$`)
	actorForm   = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
)

// contextPath is where the file is.
func (k *console) contextPath() (string, error) {
	if path := k.getenv("ERASECTL_CONFIG"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", app.Usage("contexts: no folder for settings (%w); set ERASECTL_CONFIG to a file", err)
	}
	return filepath.Join(dir, "tenant-deletion", "config.yaml"), nil
}

// contexts reads the file; one that is not there holds nothing. A key that nobody knows is an error: it is a typing mistake
// in the name of a server.
func (k *console) contexts() (f contextFile, err error) {
	path, err := k.contextPath()
	if err != nil {
		return f, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return contextFile{Contexts: map[string]place{}}, nil
	}
	if err != nil {
		return f, app.Usage("contexts: %w; correct the file, or ERASECTL_CONFIG", err)
	}
	if len(bytes.TrimSpace(text)) > 0 {
		err = yaml.UnmarshalWithOptions(text, &f, yaml.Strict())
	}
	if err != nil {
		// The library's own text would quote lines of the file, and an address may hold a password.
		return f, app.Usage("%s: %s; correct it", path, faultOf(err))
	}
	if f.Contexts == nil {
		f.Contexts = map[string]place{}
	}
	return f, nil
}

// faultOf names the line and what is wrong there.
func faultOf(err error) string {
	var fault yaml.Error
	if !errors.As(err, &fault) || fault.GetToken() == nil {
		return "is no file of contexts"
	}
	what := fault.GetMessage()
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) && !errors.As(err, new(*yaml.DuplicateKeyError)) {
		what = "not in the form of a file of contexts"
	}
	return fmt.Sprintf("line %d: %s", fault.GetToken().Position.Line, what)
}

// place is the named context, or the selected one; an empty one when none is.
func (k *console) place(name string) (place, error) {
	f, err := k.contexts()
	if err != nil {
		return place{}, err
	}
	asked := cmp.Or(name, f.Current)
	if asked == "" {
		return place{}, nil
	}
	p, ok := f.Contexts[asked]
	switch {
	case ok:
		return p, nil
	case len(f.Contexts) == 0:
		return place{}, app.Usage("--context: there is no context yet; erasectl context add %s --api URL makes it", asked)
	}
	return place{}, app.Usage("--context: no such context; there are %s (erasectl context select NAME)",
		strings.Join(f.names(), ", "))
}

// keep writes the file as a whole or not at all, readable by its owner alone: addresses may hold passwords.
func (k *console) keep(f contextFile) (err error) {
	path, err := k.contextPath()
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link to the file stays one
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	return nil
}
