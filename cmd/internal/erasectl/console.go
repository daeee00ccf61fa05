package erasectl

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// Values of flags that have a closed set.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputJSONL = "jsonl"
	outputYAML  = "yaml"

	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"

	timeRelative = "relative"
	timeISO      = "iso"
)

var (
	outputs = []string{outputTable, outputJSON, outputJSONL, outputYAML}
	colors  = []string{colorAuto, colorAlways, colorNever}
	times   = []string{timeRelative, timeISO}
)

// defaultAPI is where a coordinator on this machine listens.
const defaultAPI = "http://127.0.0.1:8480"

// values are what can be set by flag, environment and context alike.
type values struct {
	api, natsURL, databaseURL string
	nats                      app.NATSAccess
	output, color, timeForm   string
	actor, tokenFile          string
	contextName, timeoutText  string
	timeout                   time.Duration // zero when nobody set one
}

// console is what a command has: streams, settings, and how it prints. run completes the settings before a command runs.
type console struct {
	values // complete while a command runs
	flags  values

	in       io.Reader
	lines    *bufio.Reader // of in, once a question was asked
	out, err io.Writer
	// terminal reports whether a stream is one; tests answer for it.
	terminal func(stream any) bool
	getenv   func(string) string
	now      func() time.Time
	pace     pace
	paint    bool // colours on standard output
	// waits is set by commands whose --timeout bounds more than one answer.
	waits bool
}

// pace is how long a command waits before it tries again, and at most.
type pace struct {
	retryDelayMin, retryDelayMax time.Duration
	silenceMax                   time.Duration // of a live stream: three of its heartbeats
	outageMax                    time.Duration // of the API, while a job is followed
}

func newConsole() *console {
	return &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: isTerminal, getenv: os.Getenv, now: time.Now,
		pace: pace{retryDelayMin: 500 * time.Millisecond, retryDelayMax: 10 * time.Second, silenceMax: 45 * time.Second,
			outageMax: 2 * time.Minute},
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(file.Fd()) || isatty.IsCygwinTerminal(file.Fd()))
}

// setting is one value with its three names.
type setting struct {
	flag, env string
	given     *string // by flag
	into      *string
	fallback  string
	closed    []string // the values there are, nil for any
}

func (k *console) settings() []setting {
	return []setting{
		{"api", "ERASECTL_API", &k.flags.api, &k.api, defaultAPI, nil},
		{"nats-url", "NATS_URL", &k.flags.natsURL, &k.natsURL, "", nil},
		{"nats-seed-file", "NATS_SEED_FILE", &k.flags.nats.SeedFile, &k.nats.SeedFile, "", nil},
		{"nats-ca", "NATS_CA", &k.flags.nats.CAFile, &k.nats.CAFile, "", nil},
		{"nats-cert", "NATS_CERT", &k.flags.nats.CertFile, &k.nats.CertFile, "", nil},
		{"nats-key", "NATS_KEY", &k.flags.nats.KeyFile, &k.nats.KeyFile, "", nil},
		{"nats-api-prefix", "NATS_API_PREFIX", &k.flags.nats.APIPrefix, &k.nats.APIPrefix, "", nil},
		{"database-url", "DATABASE_URL", &k.flags.databaseURL, &k.databaseURL, "", nil},
		{"output", "ERASECTL_OUTPUT", &k.flags.output, &k.output, outputTable, outputs},
		{"color", "ERASECTL_COLOR", &k.flags.color, &k.color, colorAuto, colors},
		{"time", "ERASECTL_TIME", &k.flags.timeForm, &k.timeForm, timeRelative, times},
		{"timeout", "ERASECTL_TIMEOUT", &k.flags.timeoutText, &k.timeoutText, "", nil},
		{"actor", "ERASECTL_ACTOR", &k.flags.actor, &k.actor, "", nil},
		{"token-file", "ERASECTL_TOKEN_FILE", &k.flags.tokenFile, &k.tokenFile, "", nil},
		{"context", "ERASECTL_CONTEXT", &k.flags.contextName, &k.contextName, "", nil},
	}
}

// addFlags declares the flags that every command has. They have no defaults from the environment: --help would print
// secrets.
func (k *console) addFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&k.flags.api, "api", "", "URL of the coordinator's API, default "+defaultAPI+" [$ERASECTL_API]")
	f.StringVar(&k.flags.natsURL, "nats-url", "", "NATS server, for commands that read the bus themselves [$NATS_URL]")
	k.flags.nats.AddFlags(f)
	f.StringVar(&k.flags.databaseURL, "database-url", "", "PostgreSQL, for commands that read it themselves [$DATABASE_URL]")
	f.StringVar(&k.flags.contextName, "context", "", "context to use instead of the selected one [$ERASECTL_CONTEXT]")
	f.StringVarP(&k.flags.output, "output", "o", "", "table, json, jsonl or yaml, default table [$ERASECTL_OUTPUT]")
	f.StringVar(&k.flags.color, "color", "", "auto, always or never, default auto; auto obeys NO_COLOR [$ERASECTL_COLOR]")
	f.StringVar(&k.flags.timeForm, "time", "", "times in tables: relative or iso, default relative [$ERASECTL_TIME]")
	f.StringVar(&k.flags.timeoutText, "timeout", "",
		"longest wait, like 90s: for one answer (default 35s), or with --wait for the end (default none) [$ERASECTL_TIMEOUT]")
	f.StringVar(&k.flags.actor, "actor", "", "opaque id of who asks, where no token says it [$ERASECTL_ACTOR]")
	f.StringVar(&k.flags.tokenFile, "token-file", "", "file with the bearer token of who asks [$ERASECTL_TOKEN_FILE]")
	for name, set := range map[string][]string{"output": outputs, "color": colors, "time": times} {
		_ = root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(set, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return k.contextNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// run makes a command's RunE: it completes the settings, then runs fn.
func (k *console) run(fn func(c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		k.streams(c)
		if err := k.complete(); err != nil {
			return err
		}
		return fn(c, args)
	}
}

// streams takes those of the command, which a test replaces.
func (k *console) streams(c *cobra.Command) {
	k.in, k.out, k.err = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
}

// complete decides every setting: flag, then environment, then context, then default.
func (k *console) complete() error {
	name := cmp.Or(k.flags.contextName, k.getenv("ERASECTL_CONTEXT"))
	p, err := k.place(name)
	if err != nil {
		return err
	}
	return k.completeWith(p)
}

// completeWith decides with the values of a context.
func (k *console) completeWith(p place) (err error) {
	inContext := p.settings()
	for _, s := range k.settings() {
		*s.into = cmp.Or(*s.given, k.getenv(s.env), inContext[s.flag], s.fallback)
		if s.closed != nil && !slices.Contains(s.closed, *s.into) {
			return app.Usage("--%s: must be one of %s [$%s]", s.flag, strings.Join(s.closed, ", "), s.env)
		}
	}
	if k.timeout, err = parseTimeout(k.timeoutText); err != nil {
		return err
	}
	if k.actor != "" && !actorForm.MatchString(k.actor) {
		return app.Usage("--actor: want an opaque id, 1 to 128 of A-Z a-z 0-9 _ . : - [$ERASECTL_ACTOR]")
	}
	k.paint = k.color == colorAlways ||
		k.color == colorAuto && k.getenv("NO_COLOR") == "" && k.getenv("TERM") != "dumb" && k.terminal(k.out)
	return nil
}

func parseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, app.Usage("--timeout: want a time above zero, like 90s or 5m [$ERASECTL_TIMEOUT]")
	}
	return d, nil
}

// answerTimeout bounds the wait for one answer: longer than the API's own limit, which says more than a silence.
const answerTimeout = 35 * time.Second

// within bounds one exchange with a server.
func (k *console) within(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := cmp.Or(k.timeout, answerTimeout)
	if k.waits {
		limit = min(limit, answerTimeout)
	}
	return context.WithTimeout(ctx, limit)
}
