package natsdeploy

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events"
)

//go:embed streams/*.json consumers/*.json
var files embed.FS

// Topology says for whom consumers are provisioned, and how often streams are replicated.
type Topology struct {
	// Downstream must hear of every finished deletion at least once; each gets the consumer downstream_<name>.
	Downstream []Subscriber
	// Participants each get the consumer of their name.
	Participants []events.Participant
	// Replicas of every stream: 1 or 3. Zero keeps what the files say (1).
	Replicas int
}

// DownstreamConsumer is the name of a downstream subscriber's consumer on TD_EVENTS.
func DownstreamConsumer(name string) string { return "downstream_" + name }

// Definitions are what a Topology asks of a broker.
type Definitions struct {
	Streams   []jetstream.StreamConfig
	Consumers []Consumer
}

// Consumer is the definition of a durable consumer on a stream.
type Consumer struct {
	Stream string
	jetstream.ConsumerConfig
	startUnset bool // a live consumer's start is left as it is
}

// Define reads the files for a topology.
func Define(t Topology) (Definitions, error) {
	var d Definitions
	for _, name := range []string{events.StreamIntake, events.StreamEvents, events.StreamDead} {
		var stream jetstream.StreamConfig
		if err := read("streams/"+name+".json", "", "", &stream); err != nil {
			return Definitions{}, err
		}
		if t.Replicas != 0 {
			stream.Replicas = t.Replicas
		}
		d.Streams = append(d.Streams, stream)
	}
	for _, c := range [][2]string{{events.StreamIntake, events.ConsumerIntake}, {events.StreamEvents, events.ConsumerResults},
		{events.StreamDead, events.ConsumerDead}} {
		if err := d.consumer(c[0], c[1], "", ""); err != nil {
			return Definitions{}, err
		}
	}
	for _, p := range t.Participants {
		if _, err := events.ParseParticipant(string(p)); err != nil {
			return Definitions{}, fmt.Errorf("natsdeploy: participant: %w", err)
		}
		if err := d.consumer(events.StreamEvents, "participant", "{{participant}}", string(p)); err != nil {
			return Definitions{}, err
		}
	}
	for _, subscriber := range t.Downstream {
		if err := d.subscriber(subscriber); err != nil {
			return Definitions{}, err
		}
	}
	return d, nil
}

func (d *Definitions) consumer(stream, file, placeholder, name string) error {
	c := Consumer{Stream: stream}
	if err := read("consumers/"+file+".json", placeholder, name, &c.ConsumerConfig); err != nil {
		return err
	}
	d.Consumers = append(d.Consumers, c)
	return nil
}

// read decodes a file; a key that the client does not know is an error, not a setting that silently has no effect.
func read(path, placeholder, name string, into any) error {
	raw, err := files.ReadFile(path)
	if err != nil {
		return fmt.Errorf("natsdeploy: read definition: %w", err)
	}
	text := string(raw)
	if placeholder != "" {
		text = strings.ReplaceAll(text, placeholder, name)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("natsdeploy: read definition %s: %w", path, err)
	}
	return nil
}
