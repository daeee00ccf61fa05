package sqlplan

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
)

// rollbackTimeout bounds what is left to do on a connection whose work has failed; a dead server must not hold the worker.
const rollbackTimeout = 5 * time.Second

// session is one connection. Its statements are prepared once and then sent several at a time: planning is the larger part
// of what deleting a small tenant costs (1.0 of 1.4 ms for six tables), and round trips come next.
type session struct {
	conn *pgx.Conn
	// era tells the statements of one catalogue from those of the next, because a prepared statement keeps the types it was
	// made with; sizes those of small tables from those of large ones, because it keeps its plan until the next ANALYZE.
	era   string
	sizes int
	// fresh statements are planned for their own arguments and forgotten. Not by plan_cache_mode: that would also plan each
	// of the foreign key checks anew, one for every row deleted, which doubled the time of a large tenant.
	fresh bool
}

// statement is a text and its arguments in text form.
type statement struct {
	sql  string
	args []string
}

// withSession takes a connection from the pool for fn, and gives it back with no transaction open.
func (p *Plan) withSession(ctx context.Context, fn func(*session) error) error {
	if err := p.cfg.validate(); err != nil {
		return err
	}
	return onSession(ctx, p.db, p.size.Load(), fn)
}

func onSession(ctx context.Context, db *bun.DB, known *size, fn func(*session) error) error {
	conn, err := db.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", classified(err))
	}
	defer conn.Close() // gives it back; a broken one is dropped
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("the database is not opened over pgx")
		}
		s := &session{conn: c.Conn()}
		if known != nil {
			s.sizes = known.class()
		}
		defer s.rollback(ctx)
		return fn(s)
	})
}

// run sends the statements at once and reads what each answers. After an error the rest has not run, and an open
// transaction can only be rolled back.
func (s *session) run(ctx context.Context, statements ...statement) ([]*pgconn.Result, error) {
	batch := &pgconn.Batch{}
	for _, st := range statements {
		args := make([][]byte, len(st.args))
		for i, arg := range st.args {
			args[i] = []byte(arg)
		}
		if s.fresh {
			batch.ExecParams(st.sql, args, nil, nil, nil)
			continue
		}
		description, err := s.conn.Prepare(ctx, s.name(st.sql), st.sql)
		if err != nil {
			return nil, err
		}
		batch.ExecStatement(description, args, nil, nil)
	}
	results, err := s.conn.PgConn().ExecBatch(ctx, batch).ReadAll()
	if err == nil && len(results) != len(statements) {
		err = fmt.Errorf("%d statements gave %d results", len(statements), len(results))
	}
	return results, err
}

func (s *session) name(sql string) string {
	h := fnv.New64a()
	h.Write([]byte(s.era + "/" + strconv.Itoa(s.sizes) + "/"))
	h.Write([]byte(sql))
	return "td_" + strconv.FormatUint(h.Sum64(), 36)
}

// rollback leaves the connection clean, whatever happened and although ctx may have ended.
func (s *session) rollback(ctx context.Context) {
	if s.conn.IsClosed() || s.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := s.conn.PgConn().Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		_ = s.conn.Close(ctx) // the pool drops it, the server rolls back
	}
}

// text is a column of a result's only row; nil for NULL.
func text(r *pgconn.Result, column int) []byte {
	if len(r.Rows) == 0 {
		return nil
	}
	return r.Rows[0][column]
}
