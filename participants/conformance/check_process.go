package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

func heartbeat(ctx context.Context, w *world) (string, error) {
	if w.SeedSlow == nil {
		return "", skipped("nobody said how to make a slow tenant (--slow-tenant-command)")
	}
	tenant := w.tenant()
	if err := w.SeedSlow(ctx, tenant); err != nil {
		return "", fmt.Errorf("seed a slow tenant: %w", err)
	}
	before, err := w.preview(ctx, tenant)
	if err != nil {
		return "", err
	}
	c := w.command(tenant)
	m, err := w.signed(c)
	if err != nil {
		return "", err
	}
	from, began := w.tap.mark(), time.Now()
	a, err := w.exchange(ctx, m, w.SlowTimeout)
	if err == nil {
		err = w.demand(a, c, before)
	}
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	if a.acked.delivered > 1 {
		return "", fmt.Errorf("delivered %d times, because the delivery was not kept in progress", a.acked.delivered)
	}
	if wait := w.before.Config.AckWait; took <= wait {
		return "", skipped(fmt.Sprintf("the slow tenant was deleted in %s, which is not longer than ack_wait (%s)",
			took.Round(time.Millisecond), wait))
	}
	beats := w.tap.all(from, func(s seen) bool { return s.of(a.sent) && s.says("+WPI") })
	return fmt.Sprintf("%d signs of life in %s", len(beats), took.Round(time.Millisecond)), nil
}

// tenantsShared is how many tenants two instances share: enough that both have a part.
const tenantsShared = 12

func instances(ctx context.Context, w *world) (note string, err error) {
	if w.Start == nil || w.Stop == nil {
		return "", skipped("nobody said how to start and stop an instance (--start-command, --stop-command)")
	}
	if err := w.Start(ctx); err != nil {
		return "", fmt.Errorf("start a second instance: %w", err)
	}
	defer func() { err = errors.Join(err, w.restart(ctx)) }()
	if err := w.atLeast(ctx, 2); err != nil {
		return "", err
	}
	commands, seeded := map[events.TenantID]*events.Command{}, map[events.TenantID]counts{}
	for range tenantsShared {
		tenant, before, err := w.seeded(ctx)
		if err != nil {
			return "", err
		}
		commands[tenant], seeded[tenant] = w.command(tenant), before
	}
	from, sent := w.tap.mark(), map[uint64]events.TenantID{}
	for tenant, c := range commands {
		m, err := w.signed(c)
		if err != nil {
			return "", err
		}
		sequence, err := w.send(ctx, m)
		if err != nil {
			return "", err
		}
		sent[sequence] = tenant
	}
	if err := w.settledAll(ctx, from, sent); err != nil {
		return "", err
	}
	for tenant, c := range commands {
		if err := w.answeredOnce(from, c, seeded[tenant]); err != nil {
			return "", err
		}
	}
	return "", nil
}

// atLeast waits until so many instances answer a ping.
func (w *world) atLeast(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	for {
		found, err := w.instances(ctx, want)
		ids := map[string]bool{}
		for _, p := range found {
			ids[p.ID] = true
		}
		if err != nil || len(ids) >= want {
			return err
		}
		if !pause(ctx, pollInterval) {
			return fmt.Errorf("%d instances answer a ping, want %d", len(ids), want)
		}
	}
}

// restart returns to one instance.
func (w *world) restart(ctx context.Context) error {
	if err := w.Stop(ctx); err != nil {
		return fmt.Errorf("stop the instances: %w", err)
	}
	if err := w.Start(ctx); err != nil {
		return fmt.Errorf("start an instance: %w", err)
	}
	_, err := w.ping(ctx)
	return err
}

func (w *world) settledAll(ctx context.Context, from int, sent map[uint64]events.TenantID) error {
	ctx, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	left := maps.Clone(sent)
	for sequence := range sent {
		if _, err := w.tap.await(ctx, from, func(s seen) bool { return s.settles(sequence) }); err != nil {
			return fmt.Errorf("%d of %d commands are not acknowledged within %s", len(left), len(sent), w.AnswerTimeout)
		}
		delete(left, sequence)
	}
	return nil
}

// answers decodes every result for a tenant since a mark.
func (w *world) answers(from int, tenant events.TenantID) (found []answer, err error) {
	for _, s := range w.tap.all(from, func(s seen) bool { return s.kind == kindResult && s.tenant() == tenant }) {
		a := answer{seen: s}
		if err := a.decode(); err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, nil
}

func (w *world) answeredOnce(from int, c *events.Command, want counts) error {
	found, err := w.answers(from, c.TenantID)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("a command has %d results, want 1", len(found))
	}
	return w.demand(found[0], c, want)
}

// killWithin is the time after the sending in which the process is killed: a deletion of a few rows takes less.
const killWithin = 60 * time.Millisecond

// crash kills the process at random moments, and once as soon as the result is seen.
func crash(ctx context.Context, w *world) (string, error) {
	if w.Start == nil || w.Stop == nil {
		return "", skipped("nobody said how to kill and start the participant (--stop-command, --start-command)")
	}
	caught := 0
	for n := range w.Crashes {
		redelivered, err := w.crashOnce(ctx, n == 0)
		if err != nil {
			return "", fmt.Errorf("crash %d of %d: %w", n+1, w.Crashes, err)
		}
		if redelivered {
			caught++
		}
	}
	return fmt.Sprintf("%d of %d crashes came before the acknowledgement", caught, w.Crashes), nil
}

func (w *world) crashOnce(ctx context.Context, onResult bool) (redelivered bool, err error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return false, err
	}
	c := w.command(tenant)
	m, err := w.signed(c)
	if err != nil {
		return false, err
	}
	from := w.tap.mark()
	sequence, err := w.send(ctx, m)
	if err != nil {
		return false, err
	}
	if onResult {
		limited, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
		_, err = w.tap.await(limited, from, func(s seen) bool { return s.kind == kindResult && s.tenant() == tenant })
		cancel()
		if err != nil {
			return false, fmt.Errorf("no result within %s", w.AnswerTimeout)
		}
	} else {
		pause(ctx, rand.N(killWithin))
	}
	if err := w.restart(ctx); err != nil {
		return false, err
	}
	if err := w.settledAll(ctx, from, map[uint64]events.TenantID{sequence: tenant}); err != nil {
		return false, err
	}
	again, err := w.ask(ctx, c)
	if err != nil {
		return false, err
	}
	if !again.result.Replayed {
		return false, errors.New("the same command again is not answered with the receipt")
	}
	found, err := w.answers(from, tenant)
	if err != nil {
		return false, err
	}
	for _, a := range found {
		if err := w.demand(a, c, before); err != nil {
			return false, err
		}
	}
	acks := w.tap.all(from, func(s seen) bool { return s.settles(sequence) })
	return acks[len(acks)-1].delivered > 1, w.gone(ctx, tenant, before)
}
