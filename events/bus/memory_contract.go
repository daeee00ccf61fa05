package bus

import (
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// The contract's topology in memory, with the subjects and filters of deploy/nats; a test holds the two together.

const (
	advisories = "$JS.EVENT.ADVISORY.CONSUMER"
	intakeMax  = 100_000
)

func contractStreams() []MemoryStream {
	stored := MemoryStream{Name: events.StreamEvents, Subjects: []string{
		string(events.TypeRequested) + ".*",
		string(events.TypeReplayed) + ".*.*",
		string(events.TypeResult) + ".*.*",
		string(events.TypeFailed) + ".*",
		string(events.TypeCancelled) + ".*",
		string(events.TypeDeleted) + ".*",
	}}
	stored.Republish.From, stored.Republish.To = string(events.TypeDeleted)+".*", events.SubjectDeletedPlain
	dead := MemoryStream{Name: events.StreamDead}
	for _, kind := range []string{"MAX_DELIVERIES", "MSG_TERMINATED"} {
		for _, stream := range []string{events.StreamEvents, events.StreamIntake} {
			dead.Subjects = append(dead.Subjects, advisories+"."+kind+"."+stream+".*")
		}
	}
	return []MemoryStream{
		{Name: events.StreamIntake, MessagesMax: intakeMax, Subjects: []string{string(events.TypeSubmitted) + ".*"}, WorkQueue: true},
		stored, dead,
	}
}

func contractConsumers(participants []events.Participant, downstream []string) []MemoryConsumer {
	consumers := []MemoryConsumer{
		{Stream: events.StreamIntake, Name: events.ConsumerIntake, Filters: []string{string(events.TypeSubmitted) + ".*"}},
		{Stream: events.StreamEvents, Name: events.ConsumerResults, Filters: []string{string(events.TypeResult) + ".*.*"}},
		{Stream: events.StreamDead, Name: events.ConsumerDead, Filters: []string{advisories + ".>"}},
	}
	for _, p := range participants {
		consumers = append(consumers, MemoryConsumer{Stream: events.StreamEvents, Name: string(p), Filters: []string{
			string(events.TypeRequested) + ".*", string(events.TypeReplayed) + "." + string(p) + ".*"}})
	}
	for _, name := range downstream {
		consumers = append(consumers, MemoryConsumer{Stream: events.StreamEvents, Name: "downstream_" + name,
			AckPendingMax: 1, Filters: []string{string(events.TypeDeleted) + ".*"}})
	}
	return slices.Clip(consumers)
}
