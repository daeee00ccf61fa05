package erasectl

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/cmd/internal/natscluster"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
)

func (k *console) natsClusterCommand() *cobra.Command {
	var dir string
	var port int
	var who onBroker
	c := &cobra.Command{Use: "cluster", Args: exactly(), Short: "Run a cluster of three nodes on this machine until Ctrl-C",
		Long: `Runs three NATS servers as processes of this machine, from the files that an installation has: mutual TLS 1.3, an account
for each domain of trust, streams encrypted, synced always and kept three times. Keys and certificates are made at the first
start, in the folder, where they stay; nobody else can use it meanwhile. It prints how to connect.

The nodes listen on 127.0.0.1 at --port and the two after it, for each other 2000 above, for monitors 4000 above.`,
		Example: `  erasectl nats cluster
  erasectl nats cluster --data-dir ./cluster --port 14222
  erasectl nats cluster --participants orders,tenants --requesters crm --downstream billing`}
	f := c.Flags()
	f.StringVar(&dir, "data-dir", "", "folder of the cluster, default nats-cluster in the folder of erasectl dev [$TD_DATA_DIR]")
	f.IntVar(&port, "port", 4222, "port of the first node on 127.0.0.1")
	f.StringSliceVar(&who.participants, "participants", nil, "services that delete, default those of the roster")
	f.StringSliceVar(&who.requesters, "requesters", nil, "services that ask for deletions")
	f.StringSliceVar(&who.awaiters, "awaiters", nil, "services that ask and wait for the end")
	f.StringSliceVar(&who.downstream, "downstream", nil, "durable subscribers of tenant.deleted")
	_ = c.MarkFlagDirname("data-dir")
	complete(c, "participants", k.liveParticipants)
	completeNothing(c, "port", "requesters", "awaiters", "downstream")
	c.RunE = k.run(func(c *cobra.Command, _ []string) (err error) {
		if port < 1 || port > 65535-6000 {
			return app.Usage("--port: must be 1 to 59535")
		}
		if dir = cmp.Or(dir, k.getenv("TD_DATA_DIR")); dir == "" {
			if dir, err = defaultDataDir(); err != nil {
				return err
			}
			dir = filepath.Join(dir, "nats-cluster")
		}
		return k.cluster(c, natscluster.Config{Dir: dir, Port: port}, who)
	})
	return c
}

// cluster runs until the command is interrupted.
func (k *console) cluster(c *cobra.Command, cfg natscluster.Config, who onBroker) (err error) {
	if cfg.Access, err = k.clusterAccess(c, cfg.Dir, who); err != nil {
		return err
	}
	cluster, err := natscluster.New(cfg)
	if errors.Is(err, embedded.ErrLocked) {
		return app.Exit(app.ExitConflict, "%w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	k.say("starting three nodes; the first start takes some seconds")
	topology := natsdeploy.Topology{Participants: cfg.Access.Participants}
	for _, name := range cfg.Access.Downstream {
		topology.Downstream = append(topology.Downstream, natsdeploy.Subscriber{Name: name})
	}
	if err := cluster.Start(c.Context(), topology); err != nil {
		if c.Context().Err() != nil {
			return nil
		}
		return err
	}
	if err := k.showCluster(cluster); err != nil {
		return err
	}
	k.say("running; Ctrl-C ends it, and everything is there again at the next start")
	return cluster.Run(c.Context())
}

// clusterAccess is who the flags name, beside who has a key in the folder already.
func (k *console) clusterAccess(c *cobra.Command, dir string, who onBroker) (natsdeploy.Access, error) {
	users, err := k.named(c, dir, who)
	if err != nil {
		return natsdeploy.Access{}, err
	}
	if there, err := natsdeploy.ReadAccess(dir); err == nil {
		known, err := there.Users()
		if err != nil {
			return natsdeploy.Access{}, err
		}
		users = slices.Compact(slices.Sorted(slices.Values(slices.Concat(users, known))))
	}
	return natsdeploy.AccessOf(users)
}

// connection is how one client connects to a cluster.
type connection struct {
	User      string `json:"user"`
	URL       string `json:"nats_url"`
	SeedFile  string `json:"nats_seed_file"`
	CA        string `json:"nats_ca"`
	Cert      string `json:"nats_cert"`
	Key       string `json:"nats_key"`
	APIPrefix string `json:"nats_api_prefix,omitempty"`
}

func (k *console) showCluster(cluster *natscluster.Cluster) error {
	of := func(user string) connection {
		a := cluster.As(user)
		return connection{user, cluster.URL(), a.SeedFile, a.CAFile, a.CertFile, a.KeyFile, a.APIPrefix}
	}
	operator := of(natsdeploy.UserOperator)
	return k.show(operator, func(p *paper) {
		p.fact("NATS", operator.URL)
		p.fact("monitors", fmt.Sprint(cluster.Monitor(0), " ", cluster.Monitor(1), " ", cluster.Monitor(2)))
		p.fact("authority", operator.CA)
		p.fact("seeds", filepath.Dir(operator.SeedFile))
		p.gap()
		p.line("as the operator:")
		p.line("  erasectl doctor --nats-url %s --nats-seed-file %s --nats-ca %s --nats-cert %s --nats-key %s --nats-api-prefix %s",
			operator.URL, operator.SeedFile, operator.CA, operator.Cert, operator.Key, operator.APIPrefix)
		p.line("a coordinator, whose account owns the streams, takes %s and no prefix", of(natsdeploy.UserCoordinator).SeedFile)
	})
}
