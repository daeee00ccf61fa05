package pglocal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// BinVariable names the directory of initdb and postgres, when it is none of those that Find looks at.
const BinVariable = "TD_PG_BIN"

// majorMin is the oldest version that knows everything the house asks of a server (DROP DATABASE ... WITH (FORCE)).
const majorMin = 13

// ErrNotFound says that the machine has no PostgreSQL server binaries. Its text is what a person can do about it.
var ErrNotFound = errors.New(`no PostgreSQL server found on this machine. One of these helps:
  apt-get install postgresql                (Debian, Ubuntu)
  brew install postgresql@17                (macOS)
  export TD_PG_BIN=/path/to/postgresql/bin  (any other place)
or use a server that runs already: DATABASE_URL for the programs, TD_TEST_DATABASE_URL for the tests`)

// Find is the directory of the server binaries: TD_PG_BIN, the one on PATH, the newest of the usual places, the one that
// Ensure installed. ErrNotFound when there is none.
func Find() (bin string, err error) {
	return find(os.Getenv(BinVariable), append(onPath(), installed()...))
}

func find(named string, usual []string) (bin string, err error) {
	if named != "" {
		if usable(named) {
			return named, nil
		}
		return "", fmt.Errorf("pglocal: find: %s=%s: no initdb and postgres of version %d or newer there", BinVariable, named, majorMin)
	}
	for _, dir := range usual {
		if usable(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("pglocal: find: %w", ErrNotFound)
}

// onPath follows postgres on PATH. psql would not do: Debian puts a wrapper of it there.
func onPath() []string {
	path, err := exec.LookPath("postgres")
	if err != nil {
		return nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil
	}
	return []string{filepath.Dir(path)}
}

// installed lists the usual places, newest version first, then our own.
func installed() []string {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin",
	} {
		matches, _ := filepath.Glob(pattern) // the only error is a bad pattern
		dirs = append(dirs, matches...)
	}
	return append(newestFirst(dirs), npmBin())
}

func newestFirst(dirs []string) []string {
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(versionInPath(b), versionInPath(a)) })
	return dirs
}

var digits = regexp.MustCompile(`\d+`)

// versionInPath compares as a number: 9 is older than 15.
func versionInPath(dir string) int {
	n, _ := strconv.Atoi(digits.FindString(dir))
	return n
}

func usable(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, program)); err != nil {
			return false
		}
	}
	major, err := majorVersion(context.Background(), dir)
	return err == nil && major >= majorMin
}

// majorVersion asks the binary, because packages may lie in any folder.
func majorVersion(ctx context.Context, bin string) (int, error) {
	text, err := output(exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version"))
	if err != nil {
		return 0, fmt.Errorf("ask version: %w", err)
	}
	major, err := strconv.Atoi(digits.FindString(text))
	if err != nil {
		return 0, fmt.Errorf("ask version: no number in %q", text)
	}
	return major, nil
}
