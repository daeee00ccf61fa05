package events

import "strings"

// Streams of the contract; their settings are files in deploy/nats.
const (
	StreamIntake = "TD_INTAKE"
	StreamEvents = "TD_EVENTS"
	StreamDead   = "TD_DEAD"
)

// Consumers of the coordinator; a participant's consumer has the participant's name.
const (
	ConsumerIntake  = "coordinator_intake"
	ConsumerResults = "coordinator_results"
	ConsumerDead    = "coordinator_dead"
)

// SubjectDeletedPlain is where TD_EVENTS republishes tenant.deleted.<tenant> for plain core subscribers.
const SubjectDeletedPlain = "tenant.deleted"

// SubjectPreviewPrefix starts the request/reply subjects of previews.
const subjectPreview = "tenant.deletion.preview"

// PreviewSubject is where a participant answers previews.
func PreviewSubject(p Participant) string { return subjectPreview + "." + string(p) }

// ServiceName is how a participant is called where services of the broker are discovered.
func ServiceName(p Participant) string { return "tenant-deletion-" + string(p) }

// ProgressSubject is the pattern that matches every progress event of a tenant, or of all tenants when tenant is empty.
func ProgressSubject(tenant TenantID) string {
	if tenant == "" {
		return string(TypeProgress) + ".*.*"
	}
	return string(TypeProgress) + ".*." + string(tenant)
}

// RequestedSubject is where the commands of a tenant are stored.
func RequestedSubject(tenant TenantID) string { return string(TypeRequested) + "." + string(tenant) }

// StreamOf is the stream that stores events of the type; empty for those that are not stored.
func StreamOf(t Type) string {
	switch t {
	case TypeSubmitted:
		return StreamIntake
	case TypeProgress:
		return ""
	default:
		return StreamEvents
	}
}

// Subject is where an event travels. The tenant is always the last token (except intake, whose last token is the source),
// so that permissions go by service and audits by tenant.
func Subject(e Event) string {
	tokens := []string{string(e.Type)}
	switch data := e.Data.(type) {
	case *Submitted:
		return string(e.Type) + "." + string(data.Source)
	case *Result:
		tokens = append(tokens, string(data.ServiceName))
	case *Progress:
		tokens = append(tokens, string(data.ServiceName))
	case *Command:
		if e.Type == TypeReplayed && len(data.Participants) == 1 {
			tokens = append(tokens, string(data.Participants[0]))
		}
	}
	return strings.Join(append(tokens, string(e.Subject)), ".")
}

// StreamOfSubject is the stream that stores a subject of the contract; empty for every other subject.
func StreamOfSubject(subject string) string {
	for _, t := range storedTypes {
		if strings.HasPrefix(subject, string(t)) && len(subject) > len(t)+1 && subject[len(t)] == '.' {
			return StreamOf(t)
		}
	}
	return ""
}

// storedTypes are the event types that a stream keeps.
var storedTypes = []Type{TypeResult, TypeRequested, TypeDeleted, TypeReplayed, TypeSubmitted, TypeFailed, TypeCancelled}
