package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// Node is a server that runs from a configuration file, as nats-server does.
type Node struct {
	file string
	nats *server.Server
	lock *os.File
}

// StartNode starts the server of a configuration file, which must have a JetStream store, locks that store, and waits until it
// accepts connections. A cluster may still be looking for a leader then.
func StartNode(file string, log zerolog.Logger) (*Node, error) {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, fmt.Errorf("embedded: read configuration: %w", err)
	}
	if options.StoreDir == "" {
		return nil, errors.New("embedded: configuration: jetstream.store_dir is required")
	}
	options.NoSigs, options.NoLog = true, true
	if err := os.MkdirAll(options.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: make store: %w", err)
	}
	held, err := lock(filepath.Join(options.StoreDir, "LOCK"))
	if err != nil {
		return nil, err
	}
	n, err := server.NewServer(options)
	if err == nil {
		fatal := make(chan string, 1)
		n.SetLoggerV2(natsLogger{log: log.With().Str("kind", "nats").Logger(), fatal: fatal}, false, false, false)
		n.Start()
		if err = awaitReady(n, fatal); err != nil {
			n.Shutdown()
			n.WaitForShutdown()
		}
	}
	if err != nil {
		_ = held.Close() // closing releases the lock
		return nil, fmt.Errorf("embedded: start node: %w", err)
	}
	return &Node{file: file, nats: n, lock: held}, nil
}

// Reload takes what has changed in the configuration file: accounts, keys, certificates. Clients whose key is gone are
// disconnected. When the file is wrong the server goes on as it was.
func (n *Node) Reload() error {
	if err := n.nats.Reload(); err != nil {
		return fmt.Errorf("embedded: reload: %w", err)
	}
	return nil
}

// ClientURL is where clients connect.
func (n *Node) ClientURL() string { return n.nats.ClientURL() }

// Done is closed when the server has stopped, by whoever stopped it.
func (n *Node) Done() <-chan struct{} {
	done := make(chan struct{})
	go func() { // ends with the server
		n.nats.WaitForShutdown()
		close(done)
	}()
	return done
}

// Run serves until ctx ends, then stops the server; a server that stops by itself is an error. Each signal of reload reloads.
func (n *Node) Run(ctx context.Context, log zerolog.Logger, reload <-chan os.Signal) error {
	defer n.Stop()
	done := n.Done()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			return errors.New("embedded: the server stopped by itself; its log says why")
		case <-reload:
			if err := n.Reload(); err != nil {
				log.Error().Err(err).Msg("configuration not taken, going on with the old one")
				continue
			}
			log.Info().Msg("configuration taken")
		}
	}
}

// Stop ends the server, hands leadership over first where it is a cluster, waits until its store is written, and releases it. It
// is safe to call again.
func (n *Node) Stop() {
	n.nats.Shutdown()
	n.nats.WaitForShutdown()
	_ = n.lock.Close()
}
