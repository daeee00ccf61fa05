package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

const (
	// downstream is the durable subscriber that hears of the end, as any other team would.
	downstream = "demo"
	// previewTimeout bounds one participant's count of the largest profile on a cold cache.
	previewTimeout = 30 * time.Second
	// hearTimeout bounds the wait for an event that is stored already.
	hearTimeout = 10 * time.Second
)

// deletion is what a watcher saw of one.
type deletion struct {
	mu      sync.Mutex
	results map[events.Participant]*events.Result
	deleted *events.Deleted
	heard   chan struct{} // closed with the first tenant.deleted
	job     saga.Job
	took    time.Duration
}

// preview asks every participant over the bus what it would delete, and shows it.
func (d *demonstration) preview(ctx context.Context) (map[events.Participant]*events.Preview, error) {
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	previews := map[events.Participant]*events.Preview{}
	var rows [][]string
	var total int64
	for _, name := range d.participants() {
		body, err := json.Marshal(events.PreviewRequest{TenantID: d.tenant})
		if err != nil {
			return nil, err
		}
		answer, err := d.platform.Bus().Request(ctx, events.Message{Subject: events.PreviewSubject(name), Body: body})
		if err != nil {
			return nil, fmt.Errorf("demo: preview %s: %w", name, err)
		}
		var p events.Preview
		if err := json.Unmarshal(answer.Body, &p); err != nil || p.Error != nil {
			return nil, fmt.Errorf("demo: preview %s: not answered with counts", name)
		}
		previews[name] = &p
		total += p.Total()
		rows = append(rows, previewRows(&p)...)
	}
	d.page.heading("Preview: what deleting tenant %s would delete (no effect)", d.tenant)
	d.page.table([]string{"service", "table", "rows"}, []int{2}, rows)
	d.page.fact("total", "%s rows and files in %d services", thousands(total), len(previews))
	return previews, nil
}

func previewRows(p *events.Preview) (rows [][]string) {
	name := string(p.ServiceName)
	for _, table := range sortedKeys(p.Counts) {
		rows = append(rows, []string{name, table, thousands(p.Counts[table])})
		name = ""
	}
	for _, table := range sortedKeys(p.Kept) {
		rows = append(rows, []string{name, faint.Render(table), faint.Render("kept: " + p.Kept[table])})
	}
	return rows
}

// delete submits the request and watches until the job has ended.
func (d *demonstration) delete(ctx context.Context, previews map[events.Participant]*events.Preview) (*deletion, error) {
	totals := map[events.Participant]int64{}
	for name, p := range previews {
		totals[name] = p.Total()
	}
	d.page.heading("Deleting through the saga: request, twelve services, the tenant service, verification")
	shown := newBars(&d.page, d.opts.Terminal, d.participants(), totals)
	seen := &deletion{results: map[events.Participant]*events.Result{}, heard: make(chan struct{})}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if err := d.watch(watching, shown, seen); err != nil {
		return nil, err
	}
	var subscriber sync.WaitGroup
	subscriber.Go(func() { d.subscribe(watching, seen) })
	defer func() { stop(); subscriber.Wait() }()
	request, started := d.newRequest(), time.Now()
	if err := d.platform.Submit(ctx, request); err != nil {
		return nil, err
	}
	job, err := d.platform.Wait(ctx, d.tenant, request.RequestID)
	seen.job, seen.took = job, time.Since(started)
	shown.close()
	if err != nil {
		return nil, err
	}
	if job.State != saga.StateCompleted {
		return nil, fmt.Errorf("demo: the job ended in state %s: %s", job.State, reason(job))
	}
	select {
	case <-seen.heard:
	case <-time.After(hearTimeout):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return seen, nil
}

// watch follows progress and results as they pass; they only draw, the proof does not rest on them.
func (d *demonstration) watch(ctx context.Context, shown *bars, seen *deletion) error {
	on := func(pattern string, fn func(events.Event)) error {
		return d.platform.Bus().Watch(ctx, pattern, func(m events.Message) {
			if e, err := events.Decode(m); err == nil {
				fn(e)
			}
		})
	}
	err := on(events.ProgressSubject(d.tenant), func(e events.Event) { shown.moved(e.Data.(*events.Progress)) })
	if err != nil {
		return err
	}
	return on(string(events.TypeResult)+".*."+string(d.tenant), func(e events.Event) {
		r := e.Data.(*events.Result)
		seen.mu.Lock()
		seen.results[r.ServiceName] = r
		seen.mu.Unlock()
		shown.finished(r)
	})
}

// subscribe is a downstream team's subscriber: durable, at least once.
func (d *demonstration) subscribe(ctx context.Context, seen *deletion) {
	c := bus.Consumer{Stream: events.StreamEvents, Name: natsdeploy.DownstreamConsumer(downstream)}
	err := d.platform.Bus().Consume(ctx, c, func(_ context.Context, batch []bus.Delivery) []error {
		for i := range batch {
			e, err := events.Decode(batch[i].Message)
			if err != nil || e.Subject != d.tenant {
				continue
			}
			seen.mu.Lock()
			if seen.deleted == nil {
				seen.deleted = e.Data.(*events.Deleted)
				close(seen.heard)
			}
			seen.mu.Unlock()
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		d.opts.Logger.Error().Err(err).Str("kind", "demo").Msg("downstream subscriber ended")
	}
}

func reason(job saga.Job) string {
	if job.Blocked == nil {
		return "no reason stated"
	}
	names := make([]string, len(job.Blocked.Participants))
	for i, p := range job.Blocked.Participants {
		names[i] = string(p)
	}
	return fmt.Sprintf("%s (%s): %s", job.Blocked.Code, strings.Join(names, ", "), job.Blocked.Action)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
