package erasectl

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// exitCodesTopic is read with erasectl help exit-codes; it is no command, because it cannot run.
func exitCodesTopic() *cobra.Command {
	var text strings.Builder
	text.WriteString("Every error is one line on standard error; the exit code says which kind it was.\n\n")
	for _, row := range app.ExitTable {
		fmt.Fprintf(&text, "  %3d  %s\n", row.Code, row.Meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: strings.TrimSuffix(text.String(), "\n")}
}

// helpCommand replaces cobra's own, which ends well for a topic that is not there.
func helpCommand() *cobra.Command {
	c := &cobra.Command{Use: "help [COMMAND]", Short: "Help about a command, or about exit-codes",
		Long: "Print the help of a command, like --help does, or of the topic exit-codes.",
		Example: `  erasectl help request
  erasectl help exit-codes`}
	c.RunE = func(c *cobra.Command, args []string) error {
		found, rest, err := c.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return app.Usage("%s: no such command or topic; erasectl --help lists them", strings.Join(args, " "))
		}
		found.InitDefaultHelpFlag()
		return found.Help()
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		found, _, err := c.Root().Find(args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, sub := range found.Commands() {
			if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
				names = append(names, sub.Name()+"\t"+sub.Short)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand() *cobra.Command {
	c := &cobra.Command{Use: "completion bash|zsh|fish|powershell", Short: "Print a completion script for a shell",
		Long: `Print a script that completes commands, flags, and live values: tenants, jobs and participants come from the API that
the settings name, within a second, and silently from nowhere when it does not answer.`,
		Example: `  source <(erasectl completion bash)
  erasectl completion zsh > "${fpath[1]}/_erasectl"
  erasectl completion fish > ~/.config/fish/completions/erasectl.fish`,
		Args: exactly(oneOf("SHELL", shells)), ValidArgs: shells}
	c.RunE = func(c *cobra.Command, args []string) error {
		root, out := c.Root(), c.OutOrStdout()
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(out, true)
		case "zsh":
			return root.GenZshCompletion(out)
		case "fish":
			return root.GenFishCompletion(out, true)
		}
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return c
}

// build is what this program was built from.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
}

func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	b := build{Version: cmp.Or(info.Main.Version, "unknown"), Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func versionCommand(k *console) *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print the version of this program",
		Long: "Print what this program was built from. It asks nobody.",
		Example: `  erasectl version
  erasectl version -o json`, Args: exactly()}
	c.RunE = k.run(func(*cobra.Command, []string) error {
		b := readBuild()
		return k.show(b, func(p *paper) {
			p.line("erasectl %s", b.Version)
			p.fact("revision", b.Revision)
			p.fact("go", b.Go)
		})
	})
	return c
}
