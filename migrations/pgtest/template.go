package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/migrations"
)

// The templates are ours rather than pgtestdb's: that one ties a database to one role and one migrator, leaves the
// databases of failed tests behind, writes DSNs with passwords into the log, and copies through the WAL, which takes twice
// as long when many tests start at once.

// template is a database to copy, made once per process and once per server.
type template struct {
	once sync.Once
	name string
	err  error
}

// fileCopyMin is the first version that copies through the WAL unless told to copy the files.
const fileCopyMin = 150000

// template makes the template of these lines, or finds it.
func (s *server) template(ctx context.Context, lines []migrations.Line) (string, error) {
	if len(lines) == 0 {
		return "template0", nil
	}
	key, err := contentHash(lines)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	t := s.templates[key]
	if t == nil {
		t = &template{name: "td_template_" + key[:24]}
		s.templates[key] = t
	}
	s.mu.Unlock()
	t.once.Do(func() { t.err = s.makeTemplate(ctx, t.name, lines) })
	return t.name, t.err
}

// makeTemplate keeps other test binaries on the same server out with a lock. A database counts as a template only when
// it is marked as one, so a half made one is made again.
func (s *server) makeTemplate(ctx context.Context, name string, lines []migrations.Line) error {
	return s.admin(ctx, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
			return err
		}
		var ready bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&ready)
		if err != nil || ready {
			return err
		}
		for _, statement := range []string{"DROP DATABASE IF EXISTS %s WITH (FORCE)", "CREATE DATABASE %s TEMPLATE template0"} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(statement, name)); err != nil {
				return err
			}
		}
		if err := migrations.Apply(ctx, s.dsn(name, ""), lines...); err != nil {
			return err
		}
		// Without connections nobody can keep it from being copied.
		_, err = conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s IS_TEMPLATE true ALLOW_CONNECTIONS false", name))
		return err
	})
}

func (s *server) clone(ctx context.Context, template, name string) error {
	return s.admin(ctx, func(conn *pgx.Conn) error {
		var version int
		if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
			return err
		}
		strategy := ""
		if version >= fileCopyMin {
			strategy = "STRATEGY FILE_COPY" // twice as fast when many tests start at once
		}
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s %s", name, template, strategy))
		return err
	})
}

// contentHash names what a template is built from: lines, schemas and the text of every file.
func contentHash(lines []migrations.Line) (string, error) {
	sum := sha256.New()
	for _, line := range lines {
		fmt.Fprintf(sum, "line %s\n", line)
		if err := hashFiles(sum, line.Source()); err != nil {
			return "", fmt.Errorf("read %s: %w", line, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFiles(sum hash.Hash, files fs.FS) error {
	return fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(sum, "file %s %d\n", path, len(text))
		sum.Write(text)
		return err
	})
}
