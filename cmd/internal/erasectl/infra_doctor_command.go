package erasectl

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (k *console) doctorCommand() *cobra.Command {
	var seedFile string
	c := &cobra.Command{Use: "doctor", Args: exactly(), Short: "Check everything a deletion depends on, and say what to do",
		Long: `Checks the API, NATS and its streams, consumers and backlogs, the participants of the roster, PostgreSQL with its
tables and clock, and what waits for a person. All checks run, side by side, each for at most 5 s (--timeout). Nothing is
changed.

Each check is ok, warn, fail or skipped; what is not configured is skipped and says how to configure it. The exit code is 1
when a check fails, else 0.`,
		Example: `  erasectl doctor
  erasectl doctor --nats-url nats://127.0.0.1:4222 --database-url postgres://user@host:5432/db
  erasectl doctor -o jsonl | grep '"health":"fail"'`}
	c.Flags().StringVar(&seedFile, "signing-seed-file", "", "file with the coordinator's signing seed [$SIGNING_SEED_FILE]")
	_ = c.MarkFlagFilename("signing-seed-file")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		client, err := k.client()
		if err != nil {
			return err
		}
		d := doctor{api: client.probe, databaseURL: k.databaseURL, natsURL: k.natsURL, access: k.nats, now: k.now,
			seedFile: cmp.Or(seedFile, k.getenv("SIGNING_SEED_FILE")), timeout: cmp.Or(k.timeout, checkTimeout)}
		found := d.examine(c.Context())
		if err := c.Context().Err(); err != nil {
			return errors.New("interrupted before every check had ended")
		}
		err = showAll(k, found, "", func(p *paper) {
			cols := columns{headers: []string{"check", "health", "found", "way out"}}
			for _, f := range found {
				cols.row(f.Check, string(f.Health), f.What, f.WayOut)
			}
			p.table(cols)
		})
		return cmp.Or(err, verdict(found))
	})
	return c
}

// verdict is an error when a check failed.
func verdict(found []finding) error {
	var failed []string
	for _, f := range found {
		if f.Health == healthFail && !slices.Contains(failed, f.Check) {
			failed = append(failed, f.Check)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return errors.New("not in order: " + strings.Join(failed, ", "))
}
