package erasectl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
)

func (k *console) conformanceCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "conformance", Short: "Hold a running participant, in any language, against the protocol",
		Long: `The kit plays the coordinator on a TEST broker and reports clause by clause what a participant does. docs/protocol.md is
what it is held against, docs/conformance.md explains the kit.`,
		Example: `  erasectl conformance clauses
  erasectl conformance run --participant loyalty --signing-seed-file ./test.seed --seed-command ./seed`})
	c.AddCommand(k.conformanceRunCommand(), k.conformanceClausesCommand())
	return c
}

func (k *console) conformanceClausesCommand() *cobra.Command {
	c := &cobra.Command{Use: "clauses", Args: exactly(), Short: "List what a participant is held to",
		Long: "List the clauses of the kit with the clauses of docs/protocol.md that each tests. It asks nobody.",
		Example: `  erasectl conformance clauses
  erasectl conformance clauses -o json`}
	c.RunE = k.run(func(*cobra.Command, []string) error {
		return showAll(k, conformance.Clauses(), "", func(p *paper) {
			cols := columns{headers: []string{"clause", "level", "claim", "protocol"}}
			for _, clause := range conformance.Clauses() {
				cols.row(clause.ID, string(clause.Level), clause.Claim, strings.Join(clause.Protocol, " "))
			}
			p.table(cols)
		})
	})
	return c
}

// kit are the flags of a run.
type kit struct {
	participant, seedFile, tenantForm, tenantTemplate string
	seed, slow, neighbour, start, stop                string
	answerTimeout                                     time.Duration
	crashes                                           int
	tap                                               bool
}

func (k *console) conformanceRunCommand() *cobra.Command {
	var f kit
	c := &cobra.Command{Use: "run", Args: exactly(), Short: "Test a running participant clause by clause",
		Long: `Send a participant what the coordinator would send, and what it must refuse, for tenants made by --seed-command, and
report each clause as ok, fail or skip. What is skipped was not tested. Exit code 8 says that a MUST failed.

Use a TEST broker, with the participant's consumer and without a coordinator, and a TEST seed whose public key the
participant trusts. The commands are split at spaces and run without a shell; {tenant} stands for the tenant id, which is
the last argument where {tenant} does not occur. --seed-command prints nothing, or the counts it made as JSON.
--neighbour-command prints a digest of everything but the tenant's rows. --stop-command kills every
instance at once, --start-command starts one and returns.`,
		Example: `  erasectl conformance run --participant loyalty --signing-seed-file ./test.seed --seed-command ./seed
  erasectl conformance run --participant loyalty --signing-seed-file ./test.seed --seed-command ./seed --tap
  erasectl conformance run --participant loyalty --seed-command ./seed --stop-command ./kill --start-command ./start`}
	fs := c.Flags()
	fs.StringVar(&f.participant, "participant", "", "name of the participant, as the roster has it")
	fs.StringVar(&f.seedFile, "signing-seed-file", "", "file with the TEST seed that signs commands [$SIGNING_SEED_FILE]")
	fs.StringVar(&f.seed, "seed-command", "", "program that makes rows of {tenant}")
	fs.StringVar(&f.slow, "slow-tenant-command", "", "program that makes a {tenant} whose deletion takes longer than ack_wait")
	fs.StringVar(&f.neighbour, "neighbour-command", "", "program that prints a digest of everything but {tenant}")
	fs.StringVar(&f.start, "start-command", "", "program that starts one more instance and returns")
	fs.StringVar(&f.stop, "stop-command", "", "program that kills every instance at once")
	fs.StringVar(&f.tenantForm, "tenant-form", "uuid", "form of the tenant ids that the kit makes: "+strings.Join(tenantForms, ", "))
	fs.StringVar(&f.tenantTemplate, "tenant-template", "", "form of the tenant ids with {n} for a new number, like test-{n}")
	fs.DurationVar(&f.answerTimeout, "answer-timeout", 30*time.Second, "longest wait for one answer")
	fs.IntVar(&f.crashes, "crashes", 5, "how often the participant is killed, with --stop-command and --start-command")
	fs.BoolVar(&f.tap, "tap", false, "report in the Test Anything Protocol, clause by clause")
	_ = c.MarkFlagFilename("signing-seed-file")
	complete(c, "tenant-form", fixed(tenantForms))
	completeNothing(c, "participant", "tenant-template", "answer-timeout", "crashes")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error { return k.conform(c.Context(), f) })
	return c
}

// conform runs the kit and prints its report.
func (k *console) conform(ctx context.Context, f kit) error {
	cfg, err := f.config(cmp.Or(f.seedFile, k.getenv("SIGNING_SEED_FILE")), k.err)
	if err != nil {
		return err
	}
	if cfg.Conn, err = dialNATS(ctx, k.broker()); err != nil {
		return err
	}
	defer cfg.Conn.Close()
	told := 0
	cfg.Tell = func(v conformance.Verdict) {
		told++
		switch {
		case f.tap:
			_ = k.write([]byte(tapLine(told, v)), nil)
		case k.output == outputTable:
			k.say("%-4s  %s", v.Outcome, v.ID)
		}
	}
	report, err := conformance.Run(ctx, cfg)
	if f.tap {
		err = cmp.Or(err, k.write([]byte(fmt.Sprintf("1..%d\n", told)), nil))
	} else if err == nil {
		err = k.showReport(report)
	}
	if err != nil {
		return conformanceError(err)
	}
	if !report.Conforms() {
		return app.Exit(app.ExitNotProven, "%s does not conform: %d of %d clauses with MUST failed", f.participant,
			report.Count(conformance.Must, conformance.Fail), len(report.Verdicts))
	}
	return nil
}

// conformanceError finds the exit code of a run that was refused.
func conformanceError(err error) error {
	switch {
	case errors.Is(err, conformance.ErrConsumer):
		return app.Exit(app.ExitNotFound, "%w; provision it with erasectl nats apply", err)
	case errors.Is(err, conformance.ErrCoordinator), errors.Is(err, conformance.ErrPending):
		return app.Exit(app.ExitConflict, "%w; use a broker of the test's own", err)
	case errors.Is(err, conformance.ErrSilent):
		return app.Exit(app.ExitUnreachable, "%w", err)
	}
	return err
}

func (k *console) showReport(r conformance.Report) error {
	if k.output == outputJSONL {
		return showAll(k, r.Verdicts, "", nil)
	}
	return k.show(r, func(p *paper) {
		cols := columns{headers: []string{"clause", "level", "outcome", "why"}}
		for _, v := range r.Verdicts {
			cols.row(v.ID, string(v.Level), string(v.Outcome), v.Reason)
		}
		p.table(cols)
		p.gap()
		for _, level := range []conformance.Level{conformance.Must, conformance.Should} {
			p.line("%s: %d ok, %d fail, %d skip", level, r.Count(level, conformance.OK), r.Count(level, conformance.Fail),
				r.Count(level, conformance.Skip))
		}
	})
}

// tapLine is a verdict in the Test Anything Protocol. A SHOULD that fails is a "todo", which does not fail the run.
func tapLine(n int, v conformance.Verdict) string {
	line := fmt.Sprintf("ok %d - %s: %s", n, v.ID, v.Claim)
	switch {
	case v.Outcome == conformance.Skip:
		line += " # SKIP " + v.Reason
	case v.Outcome == conformance.Fail && v.Level == conformance.Should:
		line = "not " + line + " # TODO " + v.Reason
	case v.Outcome == conformance.Fail:
		return "not " + app.OneLine(line) + "\n# " + app.OneLine(v.Reason) + "\n"
	}
	return app.OneLine(line) + "\n"
}

// config checks the flags.
func (f kit) config(seedFile string, stderr io.Writer) (cfg conformance.Config, err error) {
	if cfg.Participant, err = events.ParseParticipant(f.participant); err != nil {
		return cfg, app.Usage("--participant: %w", err)
	}
	if seedFile == "" {
		return cfg, app.Usage("--signing-seed-file: missing; a TEST seed whose public key the participant trusts")
	}
	if cfg.Signer, err = app.LoadSigner(seedFile); err != nil {
		return cfg, app.Usage("--signing-seed-file: %w", err)
	}
	if f.seed == "" {
		return cfg, app.Usage("--seed-command: missing; without rows nothing can be tested")
	}
	if f.answerTimeout <= 0 || f.crashes < 1 {
		return cfg, app.Usage("--answer-timeout, --crashes: must be above zero")
	}
	if cfg.Tenant, err = newTenants(f.tenantForm, f.tenantTemplate); err != nil {
		return cfg, err
	}
	cfg.AnswerTimeout, cfg.Crashes = f.answerTimeout, f.crashes
	f.programs(&cfg, stderr)
	return cfg, nil
}

// programs binds the commands that were given.
func (f kit) programs(cfg *conformance.Config, stderr io.Writer) {
	run := func(template string) func(context.Context, events.TenantID) (string, error) {
		return func(ctx context.Context, tenant events.TenantID) (string, error) {
			return runProgram(ctx, stderr, template, tenant)
		}
	}
	cfg.Seed = func(ctx context.Context, tenant events.TenantID) (made map[string]int64, err error) {
		text, err := run(f.seed)(ctx, tenant)
		if err != nil || text == "" {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &made); err != nil {
			return nil, errors.New("--seed-command printed something else than counts in JSON")
		}
		return made, nil
	}
	if f.slow != "" {
		cfg.SeedSlow = func(ctx context.Context, tenant events.TenantID) error {
			_, err := run(f.slow)(ctx, tenant)
			return err
		}
	}
	if f.neighbour != "" {
		cfg.Neighbours = run(f.neighbour)
	}
	for template, into := range map[*string]*func(context.Context) error{&f.start: &cfg.Start, &f.stop: &cfg.Stop} {
		if text := *template; text != "" {
			*into = func(ctx context.Context) error {
				_, err := runProgram(ctx, stderr, text, "")
				return err
			}
		}
	}
}

// runProgram runs a command line without a shell and returns what it printed.
func runProgram(ctx context.Context, stderr io.Writer, template string, tenant events.TenantID) (string, error) {
	argv := strings.Fields(template)
	if len(argv) == 0 {
		return "", errors.New("the command is empty")
	}
	if tenant != "" && !strings.Contains(template, "{tenant}") {
		argv = append(argv, string(tenant))
	}
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "{tenant}", string(tenant))
	}
	var out bytes.Buffer
	c := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's own command line
	c.Stdout, c.Stderr, c.Env = &out, stderr, os.Environ()
	c.WaitDelay = time.Second // what it started may keep its streams
	if err := c.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s: %w", argv[0], err)
	}
	return strings.TrimSpace(out.String()), nil
}

var tenantForms = []string{"uuid", "text", "bigint"}

// newTenants makes ids that nobody has: they begin with the time.
func newTenants(form, template string) (func() events.TenantID, error) {
	if !slices.Contains(tenantForms, form) {
		return nil, app.Usage("--tenant-form: must be one of %s", strings.Join(tenantForms, ", "))
	}
	if template == "" {
		template = map[string]string{"text": "conformance-{n}", "bigint": "{n}"}[form]
	}
	if template == "" {
		return nil, nil //nolint:nilnil // the kit makes UUIDs by itself
	}
	last := time.Now().UnixMicro()
	fill := func() events.TenantID {
		last++
		return events.TenantID(strings.ReplaceAll(template, "{n}", fmt.Sprint(last)))
	}
	if !strings.Contains(template, "{n}") || fill().Validate() != nil {
		return nil, app.Usage("--tenant-template: want {n} for a new number, and 1 to 64 of A-Z a-z 0-9 _ - in all")
	}
	return fill, nil
}
