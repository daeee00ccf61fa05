package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

// options of a run.
type options struct {
	part   string
	out    string
	pairs  int
	sagas  int
	rounds int
	worker int
}

func run(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.part, "bench", "", "tenant, sagas or bystander; empty runs all")
	f.StringVar(&o.out, "out", "bench.jsonl", "file that one JSON object per figure is appended to")
	f.IntVar(&o.pairs, "pairs", 4, "pairs of high tenants: one deleted by plain SQL, one by the saga")
	f.IntVar(&o.sagas, "sagas", 300, "tiny tenants per side and round at 64 in flight; fewer at 16 and 1")
	f.IntVar(&o.rounds, "rounds", 3, "rounds of the sagas part, whose median counts")
	f.IntVar(&o.worker, "workers", 4, "tenants each service deletes side by side in the sagas part")
	if err := f.Parse(args); err != nil {
		return err
	}
	parts := map[string]func(context.Context, options, *figures) error{
		"tenant": benchTenant, "sagas": benchSagas, "bystander": benchBystander,
	}
	order := []string{"tenant", "sagas", "bystander"}
	if o.part != "" {
		if parts[o.part] == nil {
			return errors.New("bench: BENCH must be tenant, sagas or bystander")
		}
		order = []string{o.part}
	}
	measured := newFigures()
	for _, name := range order {
		if err := parts[name](ctx, o, measured); err != nil {
			return fmt.Errorf("bench: %s: %w", name, err)
		}
	}
	if err := measured.print(os.Stdout); err != nil {
		return err
	}
	return measured.appendTo(o.out)
}

// note tells on standard error where a run is; figures go to standard output.
func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
