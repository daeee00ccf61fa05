package erasectl

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/cmd/internal/demo"
)

// local are the flags of the commands that run everything on this machine. Contexts are not theirs: a demonstration must not
// fill the database of an installation.
type local struct {
	databaseURL string
	dataDir     string
	logLevel    string
	httpPort    int
	natsPort    int
	profile     string
	logger      zerolog.Logger
}

func demoCommand() *cobra.Command {
	var s local
	c := &cobra.Command{Use: "demo", Args: exactly(),
		Short: "Fill the platform, delete one tenant through the saga, and prove it",
		Long: `Run the whole platform on this machine, generate tenants, delete one of them through the saga, and prove by SQL of its
own that nothing of it is left and that nobody else lost a row. Exit code 8 says that the proof did not hold.

It reads no context: it must not fill the database of an installation.`,
		Example: `  erasectl demo
  erasectl demo --profile high
  DATABASE_URL=postgres://postgres@127.0.0.1:5432/scratch erasectl demo`}
	s.addTo(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := s.complete(); err != nil {
			return err
		}
		err := demo.Run(c.Context(), demo.Options{DataDir: s.dataDir, DatabaseURL: s.databaseURL, Logger: s.logger,
			Out: os.Stdout, Profile: s.profile, Terminal: isatty.IsTerminal(os.Stdout.Fd())})
		if errors.Is(err, demo.ErrNotProven) {
			return app.Exit(app.ExitNotProven, "%w", err)
		}
		return err
	}
	return c
}

func devCommand() *cobra.Command {
	var s local
	c := &cobra.Command{Use: "dev", Args: exactly(), Short: "Run the whole platform in one process until Ctrl-C",
		Long: `Run the coordinator with its API, the broker, the database and every reference service in one process, with generated
tenants to try things on. It prints where everything is. What is there stays for the next start.`,
		Example: `  erasectl dev
  erasectl dev --nats-port 4222 --data-dir ./data
  erasectl dev --http-port 0 --nats-port 0`}
	s.addTo(c)
	c.Flags().IntVar(&s.httpPort, "http-port", 8480, "port of the API on 127.0.0.1; 0 takes a free one")
	c.Flags().IntVar(&s.natsPort, "nats-port", 4222, "port of the broker on 127.0.0.1; 0 takes a free one")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := s.complete(); err != nil {
			return err
		}
		return demo.Dev(c.Context(), demo.Options{DataDir: s.dataDir, DatabaseURL: s.databaseURL, Logger: s.logger,
			HTTPPort: s.httpPort, NATSPort: s.natsPort, Out: os.Stdout, Profile: s.profile})
	}
	return c
}

var profiles = []string{"tiny", "low", "high"}

func (s *local) addTo(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.dataDir, "data-dir", "", "folder that keeps database, messages, files and keys from run to run [$TD_DATA_DIR]")
	f.StringVar(&s.databaseURL, "database-url", "", "PostgreSQL to use instead of a private server [$DATABASE_URL]")
	f.StringVar(&s.profile, "profile", "",
		"size of generated tenants: tiny (0.5K rows), low (100K) or high (500K), default low [$PROFILE]")
	f.StringVar(&s.logLevel, "log-level", "", "trace, debug, info, warn, error or disabled, default error [$LOG_LEVEL]")
	_ = c.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(profiles, cobra.ShellCompDirectiveNoFileComp))
}

// complete fills what no flag has set, and checks it.
func (s *local) complete() (err error) {
	s.databaseURL = cmp.Or(s.databaseURL, os.Getenv("DATABASE_URL"))
	s.profile = cmp.Or(s.profile, os.Getenv("PROFILE"), "low")
	if !slices.Contains(profiles, s.profile) {
		return app.Usage("--profile: must be one of %s", strings.Join(profiles, ", "))
	}
	if s.logger, err = app.NewLogger(os.Stderr, cmp.Or(s.logLevel, os.Getenv("LOG_LEVEL"), "error")); err != nil {
		return app.Usage("--log-level: %w", err)
	}
	s.dataDir = cmp.Or(s.dataDir, os.Getenv("TD_DATA_DIR"))
	if s.dataDir == "" {
		s.dataDir, err = defaultDataDir()
	} else {
		s.dataDir, err = filepath.Abs(s.dataDir)
	}
	if err != nil {
		return app.Usage("--data-dir: %w", err)
	}
	return nil
}

// defaultDataDir is where state survives between runs. As root it is not below the home folder: PostgreSQL runs under an
// account of its own then, which may not enter it.
func defaultDataDir() (string, error) {
	const name = "tenant-deletion"
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib", name), nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder: %w", err)
	}
	return filepath.Join(home, ".local", "share", name), nil
}
