package erasectl

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

const (
	anyJob    = "0195d3a0-7c1e-7b52-9d37-6f0a54f2c801"
	nobodyAPI = "http://127.0.0.1:1"
)

// commands are all of erasectl, by path. The topic of exit codes is none: it cannot run.
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	all := map[string]*cobra.Command{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.IsAdditionalHelpTopicCommand() {
			all[c.CommandPath()] = c
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := newConsole().root()
	root.InitDefaultHelpCmd()
	walk(root)
	require.Greater(t, len(all), 40)
	return all
}

func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	for path, c := range commands(t) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, c.Short)
			require.NotEmpty(t, c.Long)
			require.NotEmpty(t, c.Example)
			for _, line := range strings.Split(c.Long+"\n"+c.Example, "\n") {
				require.LessOrEqual(t, len(line), 130, line)
			}
			help := typist{}.run(t.Context(), t, append(strings.Fields(path)[1:], "-h")...)
			require.Equal(t, app.ExitDone, help.code, help.err)
			require.Empty(t, help.err)
			require.Contains(t, help.out, "Examples:\n"+c.Example)
			require.Contains(t, help.out, strings.TrimSpace(c.Long))
			require.NotContains(t, help.out, "\x1b")
		})
	}
}

func TestEveryExampleCanBeTyped(t *testing.T) {
	t.Parallel()
	for path, c := range commands(t) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, line := range strings.Split(c.Example, "\n") {
				args := typed(line)
				if args == nil {
					continue
				}
				canBeTyped(t, line, args)
			}
		})
	}
}

// canBeTyped holds a line to what the command tree accepts, and returns the command it names.
func canBeTyped(t *testing.T, line string, args []string) string {
	t.Helper()
	root := newConsole().root()
	root.InitDefaultHelpCmd()
	found, rest, err := root.Find(args)
	require.NoError(t, err, line)
	require.NoError(t, found.ParseFlags(rest), line)
	require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
	return found.CommandPath()
}

// typed are the words after erasectl in a line of an example, up to what the shell takes for itself.
func typed(line string) []string {
	_, words, found := strings.Cut(line, "erasectl ")
	if !found || strings.Contains(line, "xargs") {
		return nil
	}
	for _, end := range []string{" > ", " | ", ")"} {
		words, _, _ = strings.Cut(words, end)
	}
	var args []string
	for i, part := range strings.Split(words, `"`) {
		if i%2 == 1 { // quoted
			args = append(args, part)
			continue
		}
		args = append(args, strings.Fields(part)...)
	}
	return args
}

func TestWrongUseIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	for path, c := range commands(t) {
		t.Run(path+" refuses flags and arguments that it does not have", func(t *testing.T) {
			t.Parallel()
			words := strings.Fields(path)[1:]
			inOneLine(t, typist{}.run(t.Context(), t, append(words, "--nope")...), app.ExitUsage, "--nope", path+" --help")
			inOneLine(t, typist{}.run(t.Context(), t, append(words, "one", "two", "three")...), app.ExitUsage)
			if strings.Contains(c.Use, " ") && !strings.Contains(c.Use, "[") {
				inOneLine(t, typist{}.run(t.Context(), t, words...), app.ExitUsage, "is missing", path+" --help")
			}
		})
	}
	for claim, c := range map[string]struct {
		args []string
		says string
	}{
		"a command that is mistyped":        {[]string{"lits"}, "did you mean list?"},
		"a sub-command that is mistyped":    {[]string{"context", "selct"}, "did you mean select?"},
		"a command that is nothing like it": {[]string{"frobnicate"}, "erasectl --help"},
		"a group without a command":         {[]string{"deadletters"}, "a command is missing"},
		"a topic that is not there":         {[]string{"help", "nothing"}, "no such command or topic"},
		"a tenant id of another form":       {[]string{"preview", "a b"}, "TENANT"},
		"a tenant id that climbs":           {[]string{"preview", "../x"}, "TENANT"},
		"a job id that is none":             {[]string{"get", "12"}, "JOB"},
		"a job id in capitals":              {[]string{"watch", strings.ToUpper(anyJob)}, "JOB"},
		"a dead letter that is none":        {[]string{"deadletters", "get", "x"}, "ID"},
		"a form that is not there":          {[]string{"list", "-o", "xml"}, "table, json, jsonl, yaml"},
		"a colour that is not there":        {[]string{"list", "--color", "mauve"}, "auto, always, never"},
		"a form of time":                    {[]string{"list", "--time", "lunar"}, "relative, iso"},
		"a timeout that is none":            {[]string{"list", "--timeout", "soon"}, "--timeout"},
		"a timeout below zero":              {[]string{"list", "--timeout", "-1s"}, "--timeout"},
		"an actor with a blank":             {[]string{"list", "--actor", "a b"}, "--actor"},
		"an API that is no URL":             {[]string{"list", "--api", "127.0.0.1"}, "--api"},
		"an API with a password":            {[]string{"list", "--api", "http://u:hidden@h"}, "--api"},
		"a context that is not there":       {[]string{"list", "--context", "x"}, "context add"},
		"a state that is not there":         {[]string{"list", "--state", "done"}, "awaiting_approval"},
		"a reason to wait":                  {[]string{"list", "--blocked", "x"}, "participant_silent"},
		"a participant's name":              {[]string{"list", "--failed-at", "Orders"}, "--failed-at"},
		"a time that is none":               {[]string{"list", "--since", "yesterday"}, "--since"},
		"a distance too far":                {[]string{"list", "--until", "99999d"}, "--until"},
		"a limit of zero":                   {[]string{"list", "--limit", "0"}, "--limit"},
		"a limit and all":                   {[]string{"list", "--limit", "1", "--all"}, "--all"},
		"a key of another form":             {[]string{"request", "rye", "--reason", "x", "--key", "a b"}, "--key"},
		"a request without a reason":        {[]string{"request", "rye"}, "--reason"},
		"a reason in prose":                 {[]string{"request", "rye", "--reason", "they left"}, "--reason"},
		"a grace that is none":              {[]string{"request", "rye", "--reason", "x", "--grace", "long"}, "--grace"},
		"a deadline of nothing":             {[]string{"request", "rye", "--reason", "x", "--deadline", "0s"}, "--deadline"},
		"a day that is none":                {[]string{"list", "--since", "2026-13-01"}, "--since"},
		"a version of zero":                 {[]string{"approve", anyJob, "--version", "0"}, "--version"},
		"an entry below zero":               {[]string{"watch", anyJob, "--after", "-1"}, "--after"},
		"an entry below zero, listed":       {[]string{"events", "list", anyJob, "--after", "-1"}, "--after"},
		"a replay of nothing":               {[]string{"replay"}, "exactly one"},
		"a replay of two things":            {[]string{"replay", anyJob, "--failed"}, "exactly one"},
		"a restore of nobody":               {[]string{"replay", "--restored-since", "1d"}, "--participant"},
		"a restore of two":                  {[]string{"replay", "--restored-since", "1d", "--participant", "a,b"}, "--participant"},
		"a preview that waits":              {[]string{"replay", "--failed", "--preview", "--wait"}, "--wait"},
		"a confirmation nobody asked for":   {[]string{"replay", anyJob, "--confirm", "x"}, "--confirm"},
		"a discard without a reason":        {[]string{"deadletters", "discard", "1"}, "--reason"},
		"a consumer of another form":        {[]string{"deadletters", "list", "--consumer", "a.b"}, "--consumer"},
		"a roster without waves":            {[]string{"roster", "set", "orders"}, "orders:1"},
		"a roster with a name twice":        {[]string{"roster", "set", "orders:1,orders:2"}, "twice"},
		"a shell that is not there":         {[]string{"completion", "cmd"}, "bash, zsh"},
		"a context of nothing":              {[]string{"context", "add", "x"}, "--api"},
		"a context's name":                  {[]string{"context", "add", "X Y", "--api", nobodyAPI}, "NAME"},
	} {
		t.Run(claim+" is refused before anything is sent", func(t *testing.T) {
			t.Parallel()
			got := typist{}.run(t.Context(), t, c.args...)
			inOneLine(t, got, app.ExitUsage, c.says)
			require.NotContains(t, got.err, "hidden")
		})
	}
}

func TestHelpOfExitCodes(t *testing.T) {
	t.Parallel()
	help := typist{}.run(t.Context(), t, "help", "exit-codes")
	require.Equal(t, app.ExitDone, help.code)
	for _, row := range app.ExitTable {
		require.Contains(t, help.out, row.Meaning)
	}
	require.Contains(t, typist{}.run(t.Context(), t).out, "erasectl exit-codes")
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		require.Contains(t, typist{}.run(t.Context(), t, "completion", shell).out, "erasectl", shell)
	}
}

func TestContexts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "config.yaml")
	env := map[string]string{"ERASECTL_CONFIG": path}
	erasectl := func(args ...string) ran { return typist{env: env}.run(t.Context(), t, args...) }
	with := func(name, value string, args ...string) ran {
		return typist{env: map[string]string{"ERASECTL_CONFIG": path, name: value}}.run(t.Context(), t, args...)
	}
	w := newWorld(t, worldConfig{})

	require.Contains(t, erasectl("context", "ls").err, "context add")
	require.Zero(t, erasectl("context", "add", "here", "--api", w.url, "-o", "json").code)
	require.Zero(t, erasectl("context", "add", "nowhere", "--api", nobodyAPI, "--database-url", "postgres://u:hidden@h/db").code)
	inOneLine(t, erasectl("context", "add", "here", "--api", nobodyAPI), app.ExitConflict, "--replace")
	t.Run("the file is its owner's alone", func(t *testing.T) {
		info := stat(t, path)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	})
	t.Run("the first is selected, and its values count", func(t *testing.T) {
		require.Equal(t, ran{app.ExitDone, "[]\n", ""}, erasectl("list"))
	})
	t.Run("flags win over the environment, and that over the context", func(t *testing.T) {
		require.Equal(t, app.ExitUnreachable, with("ERASECTL_API", nobodyAPI, "list").code)
		require.Equal(t, app.ExitDone, with("ERASECTL_API", nobodyAPI, "list", "--api", w.url).code)
		require.Equal(t, app.ExitUnreachable, with("ERASECTL_CONTEXT", "nowhere", "list").code)
		require.Equal(t, app.ExitDone, with("ERASECTL_CONTEXT", "nowhere", "list", "--context", "here").code)
		require.Equal(t, "no jobs\n", erasectl("list", "-o", "table").err)
		require.Empty(t, with("ERASECTL_OUTPUT", "jsonl", "list").out)
	})
	t.Run("passwords are not listed", func(t *testing.T) {
		listed := erasectl("context", "ls")
		require.Contains(t, listed.out, "nowhere")
		require.NotContains(t, listed.out, "hidden")
	})
	t.Run("another one is selected and forgotten", func(t *testing.T) {
		require.Zero(t, erasectl("context", "select", "nowhere").code)
		require.Equal(t, app.ExitUnreachable, erasectl("list").code)
		require.Contains(t, erasectl("__complete", "context", "select", "").out, "here")
		require.Contains(t, erasectl("context", "rm", "nowhere").err, "none is selected now")
		inOneLine(t, erasectl("context", "select", "nowhere"), app.ExitNotFound, "context ls")
		inOneLine(t, erasectl("list", "--context", "nowhere"), app.ExitUsage, "there are here")
	})
	t.Run("a typing mistake in the file is named with its line", func(t *testing.T) {
		for text, says := range map[string]string{
			"contexts:\n  a:\n    apo: http://h\n":                             "line 3",
			"contexts:\n  a:\n    api: http://u:hidden@h\n    api: http://h\n": "line 4",
			"contexts:\n  a:\n    api: [hidden\n":                              "correct it",
			"contexts: hidden\n":                                               "line 1",
		} {
			writeFile(t, path, text)
			got := erasectl("list")
			inOneLine(t, got, app.ExitUsage, says, path)
			require.NotContains(t, got.err, "hidden")
		}
		require.Zero(t, erasectl("completion", "bash").code, "commands that need no context do not read the file")
	})
}
