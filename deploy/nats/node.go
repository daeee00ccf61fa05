package natsdeploy

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed server/nats.conf server/single.conf
var serverFiles embed.FS

// Node is what differs from server to server: the variables of nats.conf.
type Node struct {
	// Advertise is where clients reach the server, host:port. Default Listen.
	Advertise string
	// Certificates of the server; those of clients are not used.
	Certificates Certificates
	// Listen is where it listens for clients, host:port.
	Listen string
	// Monitor is where it answers monitors, host:port.
	Monitor string
	// Name of the server, one word.
	Name string
	// RouteListen is where it listens for its neighbours, host:port.
	RouteListen string
	// Routes are the nodes of the cluster, host:port; itself among them is no harm. Empty is a single server.
	Routes []string
	// StoreDir is the folder of the streams.
	StoreDir string
	// StoreKey encrypts the streams. Empty leaves it to the environment, TD_STORE_KEY.
	StoreKey string
	// Zone is where the server stands: two replicas of a stream are never in one zone. Default its name.
	Zone string
}

// WriteNode writes a server's folder, nats.conf, node.conf and accounts.conf, and returns the path of nats.conf.
func WriteNode(dir string, n Node, accounts string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("natsdeploy: write node: %w", err)
	}
	file := "server/nats.conf"
	if len(n.Routes) == 0 {
		file = "server/single.conf"
	}
	config, err := serverFiles.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("natsdeploy: write node: %w", err)
	}
	err = errors.Join(writeFile(filepath.Join(dir, "node.conf"), []byte(n.config()), 0o600),
		WriteAccounts(filepath.Join(dir, "accounts.conf"), accounts), writeFile(filepath.Join(dir, "nats.conf"), config, 0o644))
	if err != nil {
		return "", fmt.Errorf("natsdeploy: write node %s: %w", n.Name, err)
	}
	return filepath.Join(dir, "nats.conf"), nil
}

// WriteAccounts replaces a file of accounts as a whole; a reload of the server (SIGHUP) takes it.
func WriteAccounts(path, accounts string) error {
	if err := writeFile(path, []byte(accounts), 0o644); err != nil {
		return fmt.Errorf("natsdeploy: write accounts: %w", err)
	}
	return nil
}

func (n Node) config() string {
	var text strings.Builder
	set := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "%s: %q\n", name, value)
		}
	}
	set("TD_NODE", n.Name)
	set("TD_ZONE", "az:"+cmp.Or(n.Zone, n.Name))
	set("TD_LISTEN", n.Listen)
	set("TD_ADVERTISE", cmp.Or(n.Advertise, n.Listen))
	set("TD_MONITOR", n.Monitor)
	set("TD_STORE", n.StoreDir)
	set("TD_STORE_KEY", n.StoreKey)
	set("TD_CERT", n.Certificates.ServerCert)
	set("TD_CERT_KEY", n.Certificates.ServerKey)
	set("TD_CA", n.Certificates.CA)
	if len(n.Routes) == 0 {
		return text.String()
	}
	set("TD_CLUSTER", "td")
	set("TD_ROUTE_LISTEN", n.RouteListen)
	routes := make([]string, len(n.Routes))
	for i, route := range n.Routes {
		routes[i] = fmt.Sprintf("%q", "nats-route://"+route)
	}
	fmt.Fprintf(&text, "TD_ROUTES: [ %s ]\n", strings.Join(routes, ", "))
	return text.String()
}
