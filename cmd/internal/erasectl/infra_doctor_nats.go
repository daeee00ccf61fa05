package erasectl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

// broker looks for the server itself: a round trip, and its version.
func (d *doctor) broker(ctx context.Context) []finding {
	nc, err := d.nats()
	if errors.Is(err, errNotGiven) {
		return one(healthSkipped, "not configured", "set "+natsFlags)
	}
	if err != nil {
		return down(err)
	}
	began := time.Now()
	if err := nc.FlushWithContext(ctx); err != nil {
		return one(healthFail, "connected, but no round trip: "+err.Error(), "look at the server's log")
	}
	return one(healthOK, fmt.Sprintf("version %s at %s, round trip %s", nc.ConnectedServerVersion(), nc.ConnectedUrlRedacted(),
		time.Since(began).Round(10*time.Microsecond)), "")
}

func (d *doctor) jetStream(ctx context.Context) []finding {
	return d.withStream(func(js jetstream.JetStream) []finding {
		account, err := js.AccountInfo(ctx)
		if err != nil {
			return one(healthFail, "not usable: "+err.Error(), "switch JetStream on in the server's configuration")
		}
		what := fmt.Sprintf("%s, %s used", plural(account.Streams, "stream"), mebibytes(account.Store))
		if limit := account.Limits.MaxStore; limit > 0 {
			what += " of " + mebibytes(uint64(limit))
			if account.Store/uint64(storeFullness) > uint64(limit)/100 { // without a product that could overflow
				return one(healthWarn, what, "give the account more storage: a full stream refuses what is published")
			}
		}
		return one(healthOK, what, "")
	})
}

func mebibytes(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }

// definitions compares the broker with the files, for the roster and for the subscribers that it has.
func (d *doctor) definitions(ctx context.Context) []finding {
	return d.withStream(func(js jetstream.JetStream) []finding {
		topology, err := topologyOf(ctx, js, d.roster().names)
		if err != nil {
			return one(healthFail, err.Error(), "")
		}
		changes, err := natsdeploy.Diff(ctx, js, topology)
		if err != nil {
			return one(healthFail, err.Error(), "")
		}
		if len(changes) == 0 {
			return one(healthOK, "as the files say, for "+d.roster().String(), "")
		}
		h := healthWarn
		if slices.ContainsFunc(changes, func(c natsdeploy.Change) bool { return c.Field == "" }) {
			h = healthFail // something is missing altogether
		}
		return one(h, fmt.Sprintf("%s for %s, the first: %s", plural(len(changes), "difference"), d.roster(), changes[0]),
			"erasectl nats diff shows them, erasectl nats apply settles them")
	})
}

// topologyOf is what the broker should have: with as many replicas and with the subscribers that it has now.
func topologyOf(ctx context.Context, js jetstream.JetStream, names []events.Participant) (natsdeploy.Topology, error) {
	t := natsdeploy.Topology{Participants: names}
	stream, err := js.Stream(ctx, events.StreamEvents)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return t, nil
	}
	if err != nil {
		return t, fmt.Errorf("look up stream %s: %w", events.StreamEvents, err)
	}
	t.Replicas = stream.CachedInfo().Config.Replicas
	lister := stream.ConsumerNames(ctx)
	for name := range lister.Name() {
		if subscriber, ok := strings.CutPrefix(name, natsdeploy.DownstreamConsumer("")); ok {
			t.Downstream = append(t.Downstream, natsdeploy.Subscriber{Name: subscriber})
		}
	}
	return t, lister.Err()
}

// backlog looks at what each consumer has not settled, how old the oldest of it is, and how much was delivered again.
func (d *doctor) backlog(ctx context.Context) []finding {
	return d.withStream(func(js jetstream.JetStream) []finding {
		var slow []finding
		var looked int
		for _, name := range []string{events.StreamIntake, events.StreamEvents} {
			waiting, err := backlogs(ctx, js, name)
			if err != nil {
				return one(healthFail, err.Error(), "erasectl nats apply makes what is missing")
			}
			looked += len(waiting)
			for _, w := range waiting {
				if f, ok := w.finding(d.now()); ok {
					slow = append(slow, f)
				}
			}
		}
		if len(slow) == 0 {
			return one(healthOK, fmt.Sprintf("%s, nothing waits longer than %s", plural(looked, "consumer"), waitingMax), "")
		}
		return slow
	})
}

// deadStream looks whether the coordinator writes dead letters down.
func (d *doctor) deadStream(ctx context.Context) []finding {
	return d.withStream(func(js jetstream.JetStream) []finding {
		waiting, err := backlogs(ctx, js, events.StreamDead)
		if err != nil {
			return one(healthFail, err.Error(), "erasectl nats apply makes what is missing")
		}
		for _, w := range waiting {
			if f, ok := w.finding(d.now()); ok {
				f.Check, f.WayOut = "", "start a coordinator: it writes dead letters down"
				return []finding{f}
			}
		}
		return one(healthOK, "the coordinator has written every advisory down", "")
	})
}

// waiting is one consumer's backlog.
type waiting struct {
	stream, consumer string
	open             uint64 // neither delivered nor settled, or delivered and not settled
	again            int    // delivered more than once and not settled
	oldest           time.Time
}

// finding says what is wrong with a consumer; ok is false when nothing is.
func (w waiting) finding(now time.Time) (f finding, wrong bool) {
	age := time.Duration(0)
	if !w.oldest.IsZero() {
		age = now.Sub(w.oldest).Round(time.Second)
	}
	if age <= waitingMax && w.again == 0 {
		return finding{}, false
	}
	f = finding{Check: "backlog of " + w.consumer, Health: healthWarn,
		What:   fmt.Sprintf("%s on %s, %d delivered again, the oldest %s old", plural(int(w.open), "message"), w.stream, w.again, age),
		WayOut: "start the program that consumes as " + w.consumer + ", or read in its log what it refuses"}
	return f, true
}

// backlogs asks for every consumer of a stream.
func backlogs(ctx context.Context, js jetstream.JetStream, name string) ([]waiting, error) {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", name, err)
	}
	byName := map[string]waiting{}
	lister := stream.ListConsumers(ctx)
	for info := range lister.Info() {
		if info.Config.Durable == "" { // somebody who watches
			continue
		}
		w := waiting{stream: name, consumer: info.Name, open: info.NumPending + uint64(info.NumAckPending), again: info.NumRedelivered}
		if w.open > 0 {
			if w.oldest, err = oldest(ctx, stream, info); err != nil {
				return nil, fmt.Errorf("look up the oldest message of %s: %w", info.Name, err)
			}
		}
		byName[info.Name] = w
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list consumers of %s: %w", name, err)
	}
	var all []waiting
	for _, consumer := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[consumer])
	}
	return all, nil
}

// oldest is when the first message above the acknowledgement floor was stored; zero when it was settled meanwhile.
func oldest(ctx context.Context, stream jetstream.Stream, info *jetstream.ConsumerInfo) (first time.Time, err error) {
	filters := info.Config.FilterSubjects
	if info.Config.FilterSubject != "" {
		filters = []string{info.Config.FilterSubject}
	}
	for _, filter := range filters {
		m, err := stream.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return first, err
		}
		if first.IsZero() || m.Time.Before(first) {
			first = m.Time
		}
	}
	return first, nil
}
