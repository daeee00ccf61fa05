package participantstest

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

func checkPlan(w *world) {
	w.must(w.runner(nil, nil).Check(w.ctx), "check the plan")
}

func checkPreview(w *world) {
	w.start()
	before := w.digest("")
	counts := w.preview(w.tenant)
	for table, n := range counts {
		if n == 0 {
			w.Errorf("nothing is seeded in %s, so nothing about it is tested", table)
		}
	}
	for range 2 {
		over := w.previewOnBus(w.tenant)
		if over.Error != nil || over.TenantID != w.tenant || !maps.Equal(over.Counts, counts) {
			w.Fatalf("the preview over the bus is %+v, want %v", over, counts)
		}
	}
	w.unchanged(before, "")
}

func checkErase(w *world) {
	w.start()
	before, counts := w.digest(w.tenant), w.preview(w.tenant)
	command := w.command()
	message := w.sign(w.encode(command))
	w.send(message)
	event, result := w.answer()
	w.demand(command, result, counts)
	request, err := events.Decode(message)
	w.must(err, "decode the command")
	if result.RequestID != request.ID || event.Source != "/participants/"+string(w.Service.Name) {
		w.Fatalf("the answer is from %s to request %s", event.Source, result.RequestID)
	}
	w.gone(w.tenant, counts)
	w.unchanged(before, w.tenant)
}

// gone demands a preview of zero for every table that the earlier counts name.
func (w *world) gone(tenant events.TenantID, counts participants.Counts) {
	w.Helper()
	after := w.preview(tenant)
	for table := range counts {
		if n, named := after[table]; !named || n != 0 {
			w.Fatalf("after the erasure %d rows are left in %s (named: %v)", n, table, named)
		}
	}
}

func checkRepeats(w *world) {
	w.start()
	counts, command := w.preview(w.tenant), w.command()
	message := w.sign(w.encode(command))
	for range 3 {
		w.send(message)
	}
	event, first := w.answer()
	w.demand(command, first, counts)
	for range 2 {
		repeat, result := w.answer()
		w.demand(command, result, counts)
		if repeat.ID != event.ID || !result.Timestamp.Equal(first.Timestamp) || !result.Replayed {
			w.Fatalf("the repeat is not the stored receipt: %+v, first %+v", result, first)
		}
	}
	replay := *command
	replay.Attempt = 2
	w.send(w.sign(w.encode(&replay)))
	again, _ := w.answer()
	if result := again.Data.(*events.Result); again.ID == event.ID || result.RequestID == first.RequestID || !result.Replayed {
		w.Fatalf("the answer to attempt 2 is not an answer of its own: %+v", result)
	}
	w.demand(&replay, again.Data.(*events.Result), counts)
}

func checkCrash(w *world) {
	counts, before, command := w.preview(w.tenant), w.digest(w.tenant), w.command()
	w.crash(participants.PointCommitted, w.sign(w.encode(command)))
	if len(w.bus.answers) > 0 {
		w.Fatalf("an answer was published although the service stopped before")
	}
	w.start()
	if result := w.success(command, counts); !result.Replayed {
		w.Fatalf("the answer after the crash is not the stored receipt: %+v", result)
	}
	w.unchanged(before, w.tenant)
}

func checkInterrupted(w *world) {
	before, command := w.digest(""), w.command()
	counts := w.preview(w.tenant)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if result, err := w.runner(nil, nil).Erase(ctx, command, "interrupted"); !errors.Is(err, context.Canceled) {
		w.Fatalf("an interrupted erasure answered %+v, %v", result, err)
	}
	w.unchanged(before, "")
	result, err := w.runner(nil, nil).Erase(w.ctx, command, "whole")
	w.must(err, "erase after an interruption")
	w.demand(command, result, counts)
}

func checkReplicas(w *world) {
	counts, command := w.preview(w.tenant), w.command()
	ctx, cancel := context.WithTimeout(w.ctx, answerTimeout)
	defer cancel()
	var results [3]*events.Result
	var errs [3]error
	var replicas sync.WaitGroup
	for i := range results {
		runner := w.runner(nil, nil)
		replicas.Go(func() {
			for results[i] == nil && ctx.Err() == nil { // a transient error (another replica holds the tenant) comes again
				results[i], errs[i] = runner.Erase(ctx, command, "replica")
			}
		})
	}
	replicas.Wait()
	deleted := 0
	for _, result := range results {
		if result == nil {
			w.Fatalf("a replica has no answer: %v", errors.Join(errs[:]...))
		}
		w.demand(command, result, counts)
		if !result.Replayed {
			deleted++
		}
	}
	if deleted != 1 {
		w.Fatalf("%d of 3 replicas deleted, want 1", deleted)
	}
}

func checkStale(w *world) {
	newer := w.command()
	newer.Generation = 2
	older := w.command()
	runner := w.runner(nil, nil)
	_, err := runner.Erase(w.ctx, newer, "newer")
	w.must(err, "erase generation 2")
	result, err := runner.Erase(w.ctx, older, "older")
	w.must(err, "erase generation 1")
	if result.Success || result.Errors[0].Code != participants.CodeStale {
		w.Fatalf("a command of generation 1 after generation 2 was answered with %+v", result)
	}
}

// checkDirect erases the neighbour before its job, and the tenant after one: an older job stays refused there.
func checkDirect(w *world) {
	runner, before, counts := w.runner(nil, nil), w.digest(w.neighbour), w.preview(w.neighbour)
	first := w.direct(runner, w.neighbour, "one", counts)
	if repeat := w.direct(runner, w.neighbour, "one", counts); !repeat.Replayed || !repeat.Timestamp.Equal(first.Timestamp) {
		w.Fatalf("the repeat is not the stored receipt: %+v, first %+v", repeat, first)
	}
	w.gone(w.neighbour, counts)
	nothing := w.preview(w.neighbour)
	if another := w.direct(runner, w.neighbour, "two", nothing); another.Replayed || another.JobID == first.JobID {
		w.Fatalf("another key was answered with the receipt of the first: %+v", another)
	}
	command := w.commandFor(w.neighbour)
	result, err := runner.Erase(w.ctx, command, "after")
	w.must(err, "erase by a job after a direct erasure")
	w.demand(command, result, nothing)
	w.unchanged(before, w.neighbour)

	newer := w.command()
	newer.Generation = 2
	_, err = runner.Erase(w.ctx, newer, "newer")
	w.must(err, "erase generation 2")
	w.direct(runner, w.tenant, "one", nothing)
	result, err = runner.Erase(w.ctx, w.command(), "older")
	w.must(err, "erase generation 1")
	if result.Success || result.Errors[0].Code != participants.CodeStale {
		w.Fatalf("a command of generation 1 after generation 2 and a direct erasure was answered with %+v", result)
	}
}

func (w *world) direct(r *participants.Runner, tenant events.TenantID, key string, want participants.Counts) *events.Result {
	w.Helper()
	result, err := r.EraseTenant(w.ctx, tenant, key)
	w.must(err, "erase directly")
	switch {
	case result.TenantID != tenant || !result.Success:
		w.Fatalf("a direct erasure was answered with %+v", result)
	case !maps.Equal(result.DeletedCounts, want):
		w.Fatalf("a direct erasure deleted %v, want %v", result.DeletedCounts, want)
	}
	return result
}

func checkAgain(w *world) {
	counts, command := w.preview(w.tenant), w.command()
	before := w.digest(w.tenant)
	w.start()
	w.send(w.sign(w.encode(command)))
	w.success(command, counts)
	refused := w.Seed(w.ctx, w.tenant)
	residue := w.preview(w.tenant)
	if refused == nil && residue.Total() == 0 {
		w.Fatalf("rows were seeded after the erasure, but the preview does not see them")
	}
	sum := maps.Clone(counts)
	for table, n := range residue {
		sum[table] += n
	}
	again := *command
	again.Attempt, again.EraseAgain = 2, true
	message := w.sign(w.encode(&again))
	w.send(message)
	w.send(message)
	w.success(&again, sum)
	if result := w.success(&again, sum); !result.Replayed {
		w.Fatalf("the second delivery of attempt 2 deleted once more")
	}
	w.gone(w.tenant, counts)
	w.unchanged(before, w.tenant)
}

func checkAbsent(w *world) {
	w.tenant = newTenant()
	before, command := w.digest(w.tenant), w.command()
	w.start()
	w.send(w.sign(w.encode(command)))
	_, result := w.answer()
	if !result.Success || result.Total() != 0 {
		w.Fatalf("the answer for an unknown tenant is %+v", result)
	}
	w.unchanged(before, w.tenant)
}
