package natsdeploy

import (
	"github.com/bakery-ia/tenant-deletion/events"
)

// bound is what the client of a durable consumer asks. The subjects of acknowledgements come in two forms.
func bound(stream, consumer string) []request {
	own := stream + "." + consumer
	return []request{{subject: "$JS.API.CONSUMER.INFO." + own}, {subject: "$JS.API.CONSUMER.MSG.NEXT." + own, many: true},
		{subject: "$JS.ACK." + own + ".>"}, {subject: "$JS.ACK.*.*." + own + ".>"}}
}

// reads is what reading stored messages of a stream asks.
func reads(stream string) []request {
	return ask("$JS.API.STREAM.INFO."+stream, "$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+".>")
}

// own is what a publisher asks to tell its own repeat from an id that somebody else has taken.
func own(subject string) request {
	return request{subject: "$JS.API.DIRECT.GET." + events.StreamOfSubject(subject) + "." + subject}
}

// discovery are the subjects on which a participant's instances are found. Every instance answers.
func discovery(p events.Participant) (all []request) {
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		all = append(all, request{subject: "$SRV." + verb + "." + events.ServiceName(p), many: true})
	}
	return all
}

func participant(p events.Participant) client {
	result, progress := string(events.TypeResult)+"."+string(p)+".*", []string{string(events.TypeProgress) + "." + string(p) + ".*"}
	c := client{user: "svc_" + string(p), inboxes: []string{inbox(string(p))}, answers: true, says: progress, tapped: progress,
		serves: append(ask(events.PreviewSubject(p)), discovery(p)...)}
	c.asks = append(ask(result), own(result))
	c.asks = append(c.asks, bound(events.StreamEvents, string(p))...)
	return c
}

func requester(role string, source events.Participant) client {
	subject := string(events.TypeSubmitted) + "." + string(source)
	return client{user: role + string(source), inboxes: []string{inbox(string(source))}, tapped: []string{subject},
		asks: append(ask(subject), own(subject))}
}

func awaiter(source events.Participant) client {
	c := requester("await_", source)
	c.asks = append(c.asks, reads(events.StreamEvents)...)
	c.hears = []string{string(events.TypeDeleted) + ".*", string(events.TypeFailed) + ".*", string(events.TypeCancelled) + ".*"}
	return c
}

func downstream(name string) client {
	return client{user: "down_" + name, inboxes: []string{inbox(name)},
		asks: bound(events.StreamEvents, DownstreamConsumer(name)), hears: []string{events.SubjectDeletedPlain}}
}

// coordinator is alone in the account that owns JetStream, but for who breaks the glass.
func (a Access) coordinator() client {
	c := client{user: UserCoordinator, owner: true, inboxes: []string{inbox("coordinator")},
		taps: []string{events.ProgressSubject("")}}
	for _, t := range []events.Type{events.TypeRequested, events.TypeFailed, events.TypeCancelled, events.TypeDeleted} {
		c.asks = append(c.asks, request{subject: string(t) + ".*"})
	}
	c.asks = append(c.asks, request{subject: string(events.TypeReplayed) + ".*.*"})
	for _, of := range [][2]string{{events.StreamIntake, events.ConsumerIntake}, {events.StreamEvents, events.ConsumerResults},
		{events.StreamDead, events.ConsumerDead}} {
		c.asks = append(c.asks, bound(of[0], of[1])...)
	}
	c.asks = append(c.asks, reads(events.StreamEvents)...)
	c.asks = append(c.asks, reads(events.StreamIntake)...)
	for _, p := range a.Participants {
		c.asks = append(c.asks, request{subject: events.PreviewSubject(p)})
		c.asks = append(c.asks, discovery(p)...)
		of := events.StreamEvents + "." + string(p)
		c.asks = append(c.asks, ask("$JS.API.CONSUMER.INFO."+of, "$JS.API.CONSUMER.PAUSE."+of)...)
	}
	return c
}

// operator looks at everything and changes nothing but the places of the participants' consumers. It cannot make a consumer:
// who can, lets the server write to subjects of its choice.
func (a Access) operator() client {
	c := client{user: UserOperator, inboxes: []string{inbox("erasectl"), inbox("operator")},
		hears: []string{string(events.TypeDeleted) + ".*", "$JS.EVENT.ADVISORY.>"},
		taps:  []string{events.ProgressSubject(""), string(events.TypeSubmitted) + ".*"}}
	c.asks = ask("$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST",
		"$JS.API.CONSUMER.INFO.*.*", "$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*")
	for _, stream := range []string{events.StreamEvents, events.StreamIntake, events.StreamDead} {
		c.asks = append(c.asks, ask("$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+".>")...)
	}
	for _, p := range a.Participants {
		of := events.StreamEvents + "." + string(p)
		c.asks = append(c.asks, ask("$JS.API.CONSUMER.PAUSE."+of, "$JS.API.CONSUMER.RESET."+of)...)
		c.asks = append(c.asks, discovery(p)...)
	}
	return c
}

// provisioner makes and changes streams and consumers, and deletes none. It is a job, not a service.
func provisioner() client {
	return client{user: UserProvisioner, inboxes: []string{inbox("erasectl"), inbox("provisioner")},
		asks: ask("$JS.API.INFO", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*", "$JS.API.STREAM.INFO.*",
			"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.INFO.*.*",
			"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*")}
}
