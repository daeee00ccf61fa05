package erasectl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

// onBroker are the flags that name who gets keys.
type onBroker struct {
	participants, requesters, awaiters, downstream, listeners []string
	hosts                                                     []string
	add, retire                                               string
	breakGlass                                                bool
}

// keyed is one user of nats keys.
type keyed struct {
	User     string `json:"user"`
	What     string `json:"what"`
	SeedFile string `json:"seed_file,omitempty"`
}

func (k *console) natsKeysCommand() *cobra.Command {
	var dir string
	var who onBroker
	c := &cobra.Command{Use: "keys", Args: exactly(), Short: "Make the keys that users of the broker are known by",
		Long: `Makes a key for every user that is named and has none: a seed, readable by you alone, in DIR/seeds, and its public key in
DIR/public. Nothing that is there changes. Without names the participants are those of the roster, as in nats apply. The
coordinator, the operator, the provisioner and the monitor always get theirs.

--add gives a user a second key, --retire ends the first one; between them both are valid. --certificates makes an authority
and certificates for trials on one machine.`,
		Example: `  erasectl nats keys --dir ./nats
  erasectl nats keys --dir ./nats --participants loyalty --requesters crm --downstream billing
  erasectl nats keys --dir ./nats --break-glass
  erasectl nats keys --dir ./nats --add svc_orders
  erasectl nats keys --dir ./nats --retire svc_orders
  erasectl nats keys --dir ./nats --certificates localhost,127.0.0.1`}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "folder of the keys; required")
	f.StringSliceVar(&who.participants, "participants", nil, "services that delete (svc_NAME), comma separated")
	f.StringSliceVar(&who.requesters, "requesters", nil, "services that ask for deletions (req_NAME)")
	f.StringSliceVar(&who.awaiters, "awaiters", nil, "services that ask and wait for the end, so that they read events (await_NAME)")
	f.StringSliceVar(&who.downstream, "downstream", nil, "durable subscribers of tenant.deleted (down_NAME)")
	f.StringSliceVar(&who.listeners, "listeners", nil, "plain subscribers of tenant.deleted (hear_NAME)")
	f.BoolVar(&who.breakGlass, "break-glass", false, "an administrator of streams (breakglass): keep its seed offline")
	f.StringVar(&who.add, "add", "", "user that gets a second key")
	f.StringVar(&who.retire, "retire", "", "user whose first key ends")
	f.StringSliceVar(&who.hosts, "certificates", nil, "hosts and addresses of the servers, for new certificates in DIR/tls")
	_ = c.MarkFlagDirname("dir")
	complete(c, "participants", k.liveParticipants)
	completeNothing(c, "requesters", "awaiters", "downstream", "listeners", "add", "retire", "certificates")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		if dir == "" {
			return app.Usage("--dir: missing; the folder of the keys")
		}
		done, err := k.makeKeys(c, dir, who)
		if err != nil {
			return err
		}
		return showAll(k, done, "nothing to do: every user has a key", func(p *paper) {
			cols := columns{headers: []string{"user", "change", "seed"}}
			for _, one := range done {
				cols.row(one.User, one.What, one.SeedFile)
			}
			p.table(cols)
		})
	})
	return c
}

func (k *console) makeKeys(c *cobra.Command, dir string, who onBroker) ([]keyed, error) {
	switch {
	case who.add != "" && who.retire != "":
		return nil, app.Usage("--add, --retire: one at a time: clients must have taken the second key before the first one ends")
	case who.add != "":
		seed, err := natsdeploy.AddKey(dir, who.add)
		return []keyed{{who.add, "second key", seed}}, ofKeys(err)
	case who.retire != "":
		return []keyed{{who.retire, "first key ended", natsdeploy.SeedFile(dir, who.retire)}},
			ofKeys(natsdeploy.RetireKey(dir, who.retire))
	}
	users, err := k.named(c, dir, who)
	if err != nil {
		return nil, err
	}
	made, err := natsdeploy.MakeKeys(dir, users)
	if err != nil {
		return nil, err
	}
	done := make([]keyed, 0, len(made))
	for _, user := range made {
		done = append(done, keyed{user, "key", natsdeploy.SeedFile(dir, user)})
	}
	if len(who.hosts) > 0 {
		files, err := natsdeploy.MakeCertificates(filepath.Join(dir, "tls"), who.hosts...)
		if err != nil {
			return nil, err
		}
		done = append(done, keyed{"certificates", "made", filepath.Dir(files.CA)})
	}
	return done, nil
}

// named are the users of the flags; without any, those of the roster, unless the folder has users already.
func (k *console) named(c *cobra.Command, dir string, who onBroker) ([]string, error) {
	a := natsdeploy.Access{BreakGlass: who.breakGlass, Downstream: who.downstream, Listeners: who.listeners,
		Participants: participantsOf(who.participants),
		Requesters:   participantsOf(who.requesters), Awaiters: participantsOf(who.awaiters)}
	if !who.breakGlass && len(slices.Concat(who.participants, who.requesters, who.awaiters, who.downstream, who.listeners)) == 0 {
		if there, err := natsdeploy.ReadAccess(dir); err == nil {
			a = there
		} else if a.Participants, err = k.roster(c.Context()); err != nil {
			return nil, err
		}
	}
	users, err := a.Users()
	if err != nil {
		return nil, app.Usage("%w", err)
	}
	return users, nil
}

func participantsOf(names []string) (all []events.Participant) {
	for _, name := range names {
		all = append(all, events.Participant(strings.TrimSpace(name)))
	}
	return all
}

// ofKeys gives an error of a rotation its exit code.
func ofKeys(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return app.Exit(app.ExitNotFound, "%w; erasectl nats keys makes it", err)
	case errors.Is(err, natsdeploy.ErrRotating), errors.Is(err, natsdeploy.ErrNotRotating):
		return app.Exit(app.ExitConflict, "%w", err)
	}
	return err
}

func (k *console) natsAccountsCommand() *cobra.Command {
	var dir, to string
	c := &cobra.Command{Use: "accounts", Args: exactly(), Short: "Write the server's accounts and permissions",
		Long: `Writes accounts.conf for the users whose public keys are in DIR/public: an account for each domain of trust, what it may
publish and hear, and nothing else. Put it beside nats.conf on every node and reload (SIGHUP). Who is no longer in DIR/public
is disconnected then.`,
		Example: `  erasectl nats accounts --dir ./nats
  erasectl nats accounts --dir ./nats --to /etc/nats/accounts.conf`}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "folder of the keys; required")
	f.StringVar(&to, "to", "", "file to write, as a whole, instead of standard output")
	_ = c.MarkFlagDirname("dir")
	_ = c.MarkFlagFilename("to")
	c.RunE = k.run(func(*cobra.Command, []string) error {
		if dir == "" {
			return app.Usage("--dir: missing; the folder of the keys")
		}
		access, err := natsdeploy.ReadAccess(dir)
		if errors.Is(err, os.ErrNotExist) {
			return app.Exit(app.ExitNotFound, "--dir: no keys there (%w); erasectl nats keys --dir makes them", err)
		}
		if err != nil {
			return err
		}
		text, err := access.Config()
		if err != nil {
			return err
		}
		if to != "" {
			return natsdeploy.WriteAccounts(to, text)
		}
		return k.write([]byte(text), nil)
	})
	return c
}
