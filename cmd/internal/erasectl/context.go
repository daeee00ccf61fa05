package erasectl

import (
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

func (k *console) contextCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "context", Short: "Name installations and choose one",
		Long: `A context names an installation: where its servers are, and who asks there. Flags and the environment win over it.

Contexts are in tenant-deletion/config.yaml in your folder of settings, or where ERASECTL_CONFIG points, readable by you
alone. Unknown keys in it are errors.`,
		Example: `  erasectl context add staging --api https://erase.staging.example --token-file ~/.staging.token
  erasectl context select staging
  erasectl context ls`})
	c.AddCommand(k.contextAdd(), k.contextList(), k.contextSelect(), k.contextRemove())
	return c
}

func (k *console) contextAdd() *cobra.Command {
	var replace bool
	c := &cobra.Command{Use: "add NAME", Short: "Keep the given flags under a name",
		Long: "Keep --api, --database-url, --output, --actor, --token-file and the flags that begin with --nats, as given, under a\n" +
			"name. The first context is selected at once.",
		Example: `  erasectl context add local --api http://127.0.0.1:8480 --nats-url nats://127.0.0.1:4222
  erasectl context add prod --api https://erase.example --token-file /etc/erasectl/token --replace`,
		Args: exactly(argName)}
	c.Flags().BoolVar(&replace, "replace", false, "overwrite a context that is there")
	c.RunE = func(c *cobra.Command, args []string) error {
		k.streams(c)
		p := place{Actor: k.flags.actor, API: k.flags.api, DatabaseURL: k.flags.databaseURL, NATSURL: k.flags.natsURL,
			Output: k.flags.output, TokenFile: k.flags.tokenFile, NATSAPIPrefix: k.flags.nats.APIPrefix, NATSCA: k.flags.nats.CAFile,
			NATSCert: k.flags.nats.CertFile, NATSKey: k.flags.nats.KeyFile, NATSSeedFile: k.flags.nats.SeedFile}
		if err := p.validate(); err != nil {
			return err
		}
		f, err := k.contexts()
		if err != nil {
			return err
		}
		if _, there := f.Contexts[args[0]]; there && !replace {
			return app.Exit(app.ExitConflict, "context %s: is there already; say --replace to overwrite it", args[0])
		}
		f.Contexts[args[0]] = p
		if f.Current == "" {
			f.Current = args[0]
		}
		if err := k.keep(f); err != nil {
			return err
		}
		k.say("context %s is kept; selected is %s", args[0], f.Current)
		return nil
	}
	return c
}

// validate refuses at once what every later command would refuse.
func (p place) validate() error {
	if p == (place{}) {
		return app.Usage("context add: nothing to keep; say at least --api URL")
	}
	if p.API != "" {
		if _, err := parseAPI(p.API); err != nil {
			return err
		}
	}
	if p.Output != "" && !slices.Contains(outputs, p.Output) {
		return app.Usage("--output: must be one of table, json, jsonl, yaml")
	}
	if p.Actor != "" && !actorForm.MatchString(p.Actor) {
		return app.Usage("--actor: want an opaque id, 1 to 128 of A-Z a-z 0-9 _ . : -")
	}
	return nil
}

// shownContext is a context without what only the file may hold.
type shownContext struct {
	Name      string `json:"name"`
	Selected  bool   `json:"selected"`
	API       string `json:"api,omitempty"`
	NATS      string `json:"nats_url,omitempty"`
	Database  string `json:"database_url,omitempty"`
	Actor     string `json:"actor,omitempty"`
	TokenFile string `json:"token_file,omitempty"`
	Output    string `json:"output,omitempty"`
}

func (k *console) contextList() *cobra.Command {
	c := &cobra.Command{Use: "ls", Aliases: []string{"list"}, Short: "List the contexts",
		Long: "List the contexts. Passwords in addresses are not shown.",
		Example: `  erasectl context ls
  erasectl context ls -o json`, Args: exactly()}
	c.RunE = func(c *cobra.Command, _ []string) error {
		k.streams(c)
		f, err := k.contexts()
		if err != nil {
			return err
		}
		// The settings come without a context: a selected one that is gone is what this command repairs.
		if err := k.completeWith(place{}); err != nil {
			return err
		}
		all := []shownContext{}
		cols := columns{headers: []string{"", "name", "api", "nats", "database", "actor", "token file"}}
		for _, name := range f.names() {
			p := f.Contexts[name]
			one := shownContext{Name: name, Selected: name == f.Current, API: p.API, NATS: redacted(p.NATSURL),
				Database: redacted(p.DatabaseURL), Actor: p.Actor, TokenFile: p.TokenFile, Output: p.Output}
			all = append(all, one)
			star := map[bool]string{true: "*"}[one.Selected]
			cols.row(star, name, one.API, one.NATS, one.Database, one.Actor, one.TokenFile)
		}
		return showAll(k, all, "no contexts; erasectl context add NAME --api URL makes one", func(p *paper) { p.table(cols) })
	}
	return c
}

// redacted is an address without its password; one that cannot be read is not shown at all.
func redacted(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(not shown)"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery = ""
	return u.String()
}

func (k *console) contextSelect() *cobra.Command {
	return k.editContext("select NAME", "Choose the context that commands use from now on",
		"Choose a context. ERASECTL_CONTEXT and --context win over it.", "  erasectl context select staging",
		func(f *contextFile, name string) string {
			f.Current = name
			return "selected is " + name
		})
}

func (k *console) contextRemove() *cobra.Command {
	return k.editContext("rm NAME", "Forget a context", "Forget a context. What it named is not touched.",
		"  erasectl context rm staging", func(f *contextFile, name string) string {
			delete(f.Contexts, name)
			if f.Current == name {
				f.Current = ""
				return "context " + name + " is forgotten; none is selected now"
			}
			return "context " + name + " is forgotten"
		})
}

// editContext makes a command that changes one context that is there; edit returns what it says.
func (k *console) editContext(use, short, long, example string, edit func(*contextFile, string) string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: exactly(argName),
		ValidArgsFunction: k.completeContexts}
	c.RunE = func(c *cobra.Command, args []string) error {
		k.streams(c)
		f, err := k.contexts()
		if err != nil {
			return err
		}
		if _, there := f.Contexts[args[0]]; !there {
			return app.Exit(app.ExitNotFound, "context %s: there is none of this name; erasectl context ls lists them", args[0])
		}
		said := edit(&f, args[0])
		if err := k.keep(f); err != nil {
			return err
		}
		k.say("%s", said)
		return nil
	}
	return c
}

func (k *console) completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return k.contextNames(), cobra.ShellCompDirectiveNoFileComp
}

func (k *console) contextNames() []string {
	f, _ := k.contexts() // completion is silent
	return f.names()
}
