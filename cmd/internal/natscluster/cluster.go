// Package natscluster runs the three nodes of a NATS cluster as processes of this machine, from the files that an installation
// has: deploy/nats/server.
package natscluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
)

// Nodes of a cluster, and the replicas of its streams.
const Nodes = 3

// Distances of a node's ports from that for clients: the n-th node has the n-th after each.
const (
	routePorts   = 2000
	monitorPorts = 4000
)

// Limits of a start.
const (
	readyTimeout = 60 * time.Second
	retryPause   = 250 * time.Millisecond
	tryTimeout   = 5 * time.Second  // of provisioning: nodes that have no leader yet do not answer at all
	stopTimeout  = 20 * time.Second // of one node; then it is killed
)

// Config says where a cluster is and who may use it.
type Config struct {
	// Access is who gets a key, beside those who have one in the folder.
	Access natsdeploy.Access
	// Binary is erasectl, which runs the nodes. Default this program.
	Binary string
	// Dir keeps keys, certificates, configurations and streams. One cluster at a time uses it. Required.
	Dir string
	// Port of the first node for clients; the others have the next ones. Default 4222.
	Port int
}

// Cluster is a laid out cluster; its nodes run once they are started.
type Cluster struct {
	cfg     Config
	certs   natsdeploy.Certificates
	nodes   [Nodes]*Node
	release func() error
}

// New locks the folder and lays out what is missing in it: keys, certificates, the key of the store, a folder for each node.
func New(cfg Config) (_ *Cluster, err error) {
	cfg.Port = cmp.Or(cfg.Port, 4222)
	if cfg.Binary == "" {
		if cfg.Binary, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("natscluster: %w", err)
		}
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err == nil {
		err = os.MkdirAll(cfg.Dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("natscluster: %w", err)
	}
	c := &Cluster{cfg: cfg}
	if c.release, err = embedded.Lock(cfg.Dir); err != nil {
		return nil, err
	}
	if err := c.lay(); err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

func (c *Cluster) lay() error {
	users, err := c.cfg.Access.Users()
	if err != nil {
		return err
	}
	if _, err := natsdeploy.MakeKeys(c.cfg.Dir, users); err != nil {
		return err
	}
	access, err := natsdeploy.ReadAccess(c.cfg.Dir)
	if err != nil {
		return err
	}
	accounts, err := access.Config()
	if err != nil {
		return err
	}
	tls := filepath.Join(c.cfg.Dir, "tls")
	c.certs = natsdeploy.CertificatesIn(tls)
	if _, err := os.Stat(c.certs.ClientKey); err != nil {
		if c.certs, err = natsdeploy.MakeCertificates(tls, "127.0.0.1", "localhost"); err != nil {
			return err
		}
	}
	key, err := storeKey(filepath.Join(c.cfg.Dir, "store.key"))
	if err != nil {
		return err
	}
	var routes []string
	for i := range Nodes {
		routes = append(routes, c.address(routePorts+i))
	}
	for i := range Nodes {
		name := "n" + strconv.Itoa(i+1)
		dir := filepath.Join(c.cfg.Dir, name)
		config, err := natsdeploy.WriteNode(dir, natsdeploy.Node{Certificates: c.certs, Listen: c.address(i),
			Monitor: c.address(monitorPorts + i), Name: name, RouteListen: c.address(routePorts + i), Routes: routes,
			StoreDir: filepath.Join(dir, "store"), StoreKey: key}, accounts)
		if err != nil {
			return err
		}
		c.nodes[i] = &Node{Name: name, binary: c.cfg.Binary, config: config, log: filepath.Join(dir, "log")}
	}
	return nil
}

func (c *Cluster) address(offset int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.cfg.Port+offset))
}

// storeKey reads the key that encrypts the streams; it is made at the first start.
func storeKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text = []byte(rand.Text() + rand.Text())
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("natscluster: key of the store: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// URL is where clients connect: all nodes.
func (c *Cluster) URL() string {
	addresses := make([]string, Nodes)
	for i := range addresses {
		addresses[i] = "nats://" + c.address(i)
	}
	return strings.Join(addresses, ",")
}

// Monitor is the address of a node's monitoring pages.
func (c *Cluster) Monitor(node int) string { return "http://" + c.address(monitorPorts+node) }

// Node is the n-th node, from 0.
func (c *Cluster) Node(n int) *Node { return c.nodes[n] }

// As is what a user shows the cluster.
func (c *Cluster) As(user string) app.NATSAccess {
	access := app.NATSAccess{CAFile: c.certs.CA, CertFile: c.certs.ClientCert, KeyFile: c.certs.ClientKey,
		SeedFile: natsdeploy.SeedFile(c.cfg.Dir, user)}
	if user != natsdeploy.UserCoordinator && user != natsdeploy.UserBreakGlass {
		access.APIPrefix = natsdeploy.APIPrefix
	}
	return access
}

// Start starts every node and provisions the streams with three replicas. Ports that somebody uses are named first.
func (c *Cluster) Start(ctx context.Context, topology natsdeploy.Topology) error {
	for i := range Nodes {
		for _, port := range []int{i, routePorts + i, monitorPorts + i} {
			listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.address(port))
			if err != nil {
				return app.Exit(app.ExitConflict, "--port: %s is in use; end what uses it, or give another port", c.address(port))
			}
			_ = listener.Close()
		}
	}
	for _, n := range c.nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	topology.Replicas = Nodes
	for {
		err := c.provision(ctx, topology)
		if err == nil || ctx.Err() != nil {
			return err
		}
		for _, n := range c.nodes {
			if n.Ended() {
				return fmt.Errorf("natscluster: %s ended: its log is %s", n.Name, n.log)
			}
		}
		select { // the nodes look for each other, and for a leader
		case <-ctx.Done():
			return fmt.Errorf("natscluster: not ready after %s: %w", readyTimeout, err)
		case <-time.After(retryPause):
		}
	}
}

func (c *Cluster) provision(ctx context.Context, topology natsdeploy.Topology) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	access := c.As(natsdeploy.UserProvisioner)
	options, err := access.Options()
	if err != nil {
		return err
	}
	nc, err := nats.Connect(c.URL(), append(options, nats.Name("provisioner"), nats.CustomInboxPrefix("_INBOX_provisioner"))...)
	if err != nil {
		return fmt.Errorf("natscluster: connect: %w", err)
	}
	defer nc.Close()
	js, err := access.NewJetStream(nc)
	if err != nil {
		return fmt.Errorf("natscluster: connect: %w", err)
	}
	_, err = natsdeploy.Apply(ctx, js, topology)
	return err
}

// Run waits until ctx ends. A node that ends by itself is an error.
func (c *Cluster) Run(ctx context.Context) error {
	ended := make(chan *Node, Nodes)
	for _, n := range c.nodes {
		done := n.done
		go func() { // ends with the node, which Stop stops
			<-done
			ended <- n
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case n := <-ended:
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("natscluster: %s ended by itself: its log is %s", n.Name, n.log)
	}
}

// Stop stops the nodes, one after the other, and gives the folder back. It is safe to call again.
func (c *Cluster) Stop() error {
	for _, n := range c.nodes {
		n.Stop()
	}
	err := c.release()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	return err
}
