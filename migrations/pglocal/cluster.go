package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config tunes a server. The zero value is a fast, temporary one.
type Config struct {
	// AllowInstall lets Start install PostgreSQL when the machine has none; see Ensure.
	AllowInstall bool
	// DataDir keeps the data from one Start to the next. Empty means a temporary directory, in memory when there is room and
	// Durable is not set, which Stop removes.
	DataDir string
	// Durable leaves every safety of PostgreSQL on: what is committed survives a crash. It is implied by DataDir.
	Durable bool
	// ExtraSettings are server settings (postgresql.conf names); they win over this package's.
	ExtraSettings map[string]string
	// Out is told in a line what is being installed. Nil means nobody is.
	Out io.Writer
	// Port on 127.0.0.1. Zero means a free one.
	Port int
}

// ErrInUse says that another process runs a server on the data directory.
var ErrInUse = errors.New("data directory in use by another process")

// Limits of starting and stopping.
const (
	startTriesMax = 20 // a port was taken in between, or a killed server's last process still holds its memory
	startTryWait  = 250 * time.Millisecond
	stopTimeout   = 30 * time.Second // then it is killed
)

// Cluster is a running server.
type Cluster struct {
	cfg  Config
	home *home
	port int

	mu      sync.Mutex
	process *process // nil while stopped
	closed  bool
}

// Start starts a server and returns when it accepts connections. The context bounds the start, not the server's life.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg.Durable = cfg.Durable || cfg.DataDir != ""
	if cfg.Port < 0 || cfg.Port > 65535 {
		return nil, fmt.Errorf("pglocal: Port: %d is no port", cfg.Port)
	}
	bin, err := Ensure(ctx, cfg)
	if err != nil {
		return nil, err
	}
	h, err := openHome(ctx, bin, cfg)
	if err != nil {
		return nil, fmt.Errorf("pglocal: prepare data directory: %w", err)
	}
	c := &Cluster{cfg: cfg, home: h, port: cfg.Port}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("pglocal: start: %w", err), h.close())
	}
	return c, nil
}

// DSN is the superuser's connection string for a database; the database postgres is always there.
func (c *Cluster) DSN(db string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.home.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + db,
		RawQuery: "sslmode=disable",
	}).String()
}

// Stop ends the server, waits for it, and removes a temporary data directory. It is safe to call again.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return errors.Join(c.end(c.home.goodbye), c.home.close())
}

// Kill ends the server like a crash and waits until its last process is gone. The data stays, for Restart.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end(syscall.SIGKILL)
}

// Restart starts the server again on the same port and data, after stopping it in order when it runs. It returns when
// the server accepts connections.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("pglocal: restart: stopped for good")
	}
	if err := c.end(syscall.SIGINT); err != nil {
		return err
	}
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("pglocal: restart: %w", err)
	}
	return nil
}

func (c *Cluster) start(ctx context.Context) error {
	free := c.port == 0
	for try := 1; ; try++ {
		if free {
			port, err := freePort(ctx)
			if err != nil {
				return err
			}
			c.port = port
		}
		p, err := c.home.run(ctx, settings(c.cfg, c.home, c.port))
		if err == nil {
			c.process = p
			return nil
		}
		if !passing(err) || try == startTriesMax {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(startTryWait):
		}
	}
}

// passing reports causes that go away by themselves: see startTriesMax.
func passing(err error) bool {
	text := err.Error()
	for _, cause := range []string{"Address already in use", "pre-existing shared memory block", `"postmaster.pid" already exists`} {
		if strings.Contains(text, cause) {
			return true
		}
	}
	return false
}

func (c *Cluster) end(sig syscall.Signal) error {
	if c.process == nil {
		return nil
	}
	err := c.process.end(sig, stopTimeout)
	c.process = nil
	return err
}

func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
