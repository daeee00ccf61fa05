package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// Config says where and how the server runs. StoreDir is required; the rest works at zero.
type Config struct {
	// Host to listen on. Default 127.0.0.1. Anything else serves strangers: put it behind credentials first.
	Host string
	// Logger is silent at zero.
	Logger zerolog.Logger
	// MemoryBytesMax bounds JetStream's memory. Default 64 MiB: every stream is a file.
	MemoryBytesMax int64
	// Port to listen on: 0 for none (in-process connections only), -1 for a free one.
	Port int
	// StoreBytesMax bounds JetStream's files. Default 12 GiB, which is room for the limits of all streams (10 GiB).
	StoreBytesMax int64
	// StoreDir is the folder of the store. It is created; one process at a time may use it.
	StoreDir string
	// SyncAlways makes every acknowledged message durable against a power failure, at about a tenth of the throughput.
	SyncAlways bool
	// SyncInterval bounds what a power failure loses without SyncAlways. Default 100 ms, which was measured to be free.
	SyncInterval time.Duration
}

// Limits of the server.
const (
	payloadBytesMax = 68 << 10 // an event of 64 KiB and its headers, as max_msg_size of the streams
	readyTimeout    = 15 * time.Second
	readyPoll       = 100 * time.Millisecond
	writeDeadline   = 5 * time.Second
)

func (c Config) withDefaults() Config {
	c.Host = cmp.Or(c.Host, "127.0.0.1")
	c.MemoryBytesMax = cmp.Or(c.MemoryBytesMax, 64<<20)
	c.StoreBytesMax = cmp.Or(c.StoreBytesMax, 12<<30)
	c.SyncInterval = cmp.Or(c.SyncInterval, 100*time.Millisecond)
	return c
}

func (c Config) validate() error {
	switch {
	case c.StoreDir == "":
		return errors.New("embedded: config: StoreDir is required")
	case c.Port < -1 || c.Port > 65535:
		return fmt.Errorf("embedded: config: Port %d: must be -1 to 65535", c.Port)
	}
	return nil
}

// Server is a running NATS server.
type Server struct {
	nats *server.Server
	lock *os.File
	port int
	url  string
}

// Start locks the folder, starts the server and waits until it accepts connections.
func Start(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: make store: %w", err)
	}
	held, err := lock(filepath.Join(config.StoreDir, "LOCK"))
	if err != nil {
		return nil, err
	}
	s, err := start(config)
	if err != nil {
		_ = held.Close() // closing releases the lock
		return nil, err
	}
	s.lock = held
	return s, nil
}

func start(config Config) (*Server, error) {
	n, err := server.NewServer(config.options())
	if err != nil {
		return nil, fmt.Errorf("embedded: new server: %w", err)
	}
	fatal := make(chan string, 1)
	n.SetLoggerV2(natsLogger{log: config.Logger.With().Str("kind", "nats").Logger(), fatal: fatal}, false, false, false)
	n.Start()
	if err := awaitReady(n, fatal); err != nil {
		n.Shutdown()
		n.WaitForShutdown()
		return nil, err
	}
	s := &Server{nats: n}
	if address, ok := n.Addr().(*net.TCPAddr); ok {
		s.port, s.url = address.Port, "nats://"+net.JoinHostPort(config.Host, strconv.Itoa(address.Port))
	}
	return s, nil
}

// awaitReady waits until the server accepts connections, or says that it never will.
func awaitReady(n *server.Server, fatal <-chan string) error {
	for deadline := time.Now().Add(readyTimeout); ; {
		ready := n.ReadyForConnections(readyPoll)
		select {
		case reason := <-fatal:
			return fmt.Errorf("embedded: start: %s", reason)
		default:
		}
		if ready {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("embedded: start: not ready after %s", readyTimeout)
		}
	}
}

func (c Config) options() *server.Options {
	return &server.Options{
		ServerName: "tenant-deletion", NoSigs: true, NoLog: true,
		Host: c.Host, Port: c.Port, DontListen: c.Port == 0,
		JetStream: true, StoreDir: c.StoreDir, JetStreamMaxMemory: c.MemoryBytesMax, JetStreamMaxStore: c.StoreBytesMax,
		SyncAlways: c.SyncAlways, SyncInterval: c.SyncInterval,
		MaxPayload: payloadBytesMax, WriteDeadline: writeDeadline,
	}
}

// ClientURL is where clients connect; empty when the server has no listener. Starting again with this port keeps it.
func (s *Server) ClientURL() string { return s.url }

// Port is the port the server listens on, also after Stop; 0 when it has no listener.
func (s *Server) Port() int { return s.port }

// InProcessConn implements nats.InProcessConnProvider: a connection without a socket.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// InProcess is the provider that bus.Config.InProcess takes.
func (s *Server) InProcess() *Server { return s }

// Healthy reports why JetStream does not serve; nil when it does.
func (s *Server) Healthy() error {
	if health := s.nats.Healthz(&server.HealthzOptions{JSEnabledOnly: true}); health.StatusCode != 200 {
		return fmt.Errorf("embedded: health: %s", health.Error)
	}
	return nil
}

// Stop ends the server, waits until its store is written, and releases the folder. It is safe to call again.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	_ = s.lock.Close() // releases the lock; a second close changes nothing
}
