package natsdeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// asset is a stream or a consumer: what the broker has, what it should have, and how it gets there.
type asset struct {
	name    string // as reports say it
	have    any    // nil when the broker has none
	want    any
	create  func(context.Context) error
	update  func(context.Context) error
	settled map[string]bool // fields that never change on a live broker
	latched map[string]bool // fields that may be set on a live broker, but never unset
	wayOut  string
}

// Apply brings the broker to what the topology asks and reports what it changed. It is safe to call again. Nothing is
// changed when one of the changes cannot be done live: the *LiveError says which, and the way out.
func Apply(ctx context.Context, js jetstream.JetStream, t Topology) (changes []Change, err error) {
	assets, err := survey(ctx, js, t)
	if err != nil {
		return nil, err
	}
	perAsset := make([][]Change, len(assets))
	for i, a := range assets {
		if perAsset[i], err = a.diff(); err != nil {
			return nil, err
		}
		if err := a.check(perAsset[i]); err != nil {
			return nil, err
		}
	}
	for i, a := range assets {
		switch {
		case len(perAsset[i]) == 0:
			continue
		case a.have == nil:
			err = a.create(ctx)
		default:
			err = a.update(ctx)
		}
		if err != nil {
			return changes, fmt.Errorf("natsdeploy: apply %s: %w", a.name, err)
		}
		changes = append(changes, perAsset[i]...)
	}
	return changes, nil
}

// Diff reports what Apply would change, and changes nothing.
func Diff(ctx context.Context, js jetstream.JetStream, t Topology) (changes []Change, err error) {
	assets, err := survey(ctx, js, t)
	if err != nil {
		return nil, err
	}
	for _, a := range assets {
		changed, err := a.diff()
		if err != nil {
			return nil, err
		}
		changes = append(changes, changed...)
	}
	return changes, nil
}

// survey asks the broker for everything the topology names, streams first.
func survey(ctx context.Context, js jetstream.JetStream, t Topology) ([]asset, error) {
	definitions, err := Define(t)
	if err != nil {
		return nil, err
	}
	var assets []asset
	for _, want := range definitions.Streams {
		a, err := surveyStream(ctx, js, want)
		if err != nil {
			return nil, fmt.Errorf("natsdeploy: look up %s: %w", a.name, err)
		}
		assets = append(assets, a)
	}
	for _, want := range definitions.Consumers {
		a, err := surveyConsumer(ctx, js, want)
		if err != nil {
			return nil, fmt.Errorf("natsdeploy: look up %s: %w", a.name, err)
		}
		assets = append(assets, a)
	}
	return assets, nil
}

func surveyStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (asset, error) {
	a := asset{name: "stream " + want.Name, want: want, settled: streamSettled, latched: streamLatched, wayOut: streamWayOut,
		create: func(ctx context.Context) error { _, err := js.CreateStream(ctx, want); return err },
		update: func(ctx context.Context) error { _, err := js.UpdateStream(ctx, want); return err },
	}
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return a, nil
	}
	if err == nil {
		a.have = stream.CachedInfo().Config
	}
	return a, err
}

func surveyConsumer(ctx context.Context, js jetstream.JetStream, want Consumer) (asset, error) {
	config := want.ConsumerConfig
	a := asset{name: "consumer " + want.Stream + "/" + config.Durable, settled: consumerSettled, wayOut: want.wayOut()}
	consumer, err := js.Consumer(ctx, want.Stream, config.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound):
		err = nil
	case err == nil:
		have := consumer.CachedInfo().Config
		a.have = have
		config.PauseUntil = have.PauseUntil // a pause is a person's order, not a setting
		if want.startUnset {
			config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = have.DeliverPolicy, have.OptStartSeq, have.OptStartTime
		}
	}
	a.want = config
	a.create = func(ctx context.Context) error { _, err := js.CreateConsumer(ctx, want.Stream, config); return err }
	a.update = func(ctx context.Context) error { _, err := js.UpdateConsumer(ctx, want.Stream, config); return err }
	return a, err
}

// wayOut is what to do about a setting that a live consumer cannot change.
func (c Consumer) wayOut() string {
	if strings.HasPrefix(c.Durable, DownstreamConsumer("")) {
		return subscriberWayOut
	}
	return consumerWayOut
}
