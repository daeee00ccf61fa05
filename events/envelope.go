package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Event is a CloudEvents 1.0 envelope with a payload of this package.
type Event struct {
	ID EventID
	// Source says who sent it: /coordinator, /participants/<name> or /sources/<name>.
	Source string
	Type   Type
	// Subject is the tenant.
	Subject TenantID
	Time    time.Time
	// TraceParent is the W3C trace context, empty when there is none.
	TraceParent string
	Data        Payload
}

// SourceCoordinator is the Source of everything the coordinator sends.
const SourceCoordinator = "/coordinator"

// ContentType is what an encoded event declares (CloudEvents 1.0, structured JSON).
const ContentType = "application/cloudevents+json"

// Message is an event, or a request, as it travels: the bus knows nothing else.
type Message struct {
	Subject string
	// Header keys are case-sensitive, as in NATS; ours are those named in this package.
	Header map[string]string
	Body   []byte
}

// Header keys.
const (
	HeaderMsgID       = "Nats-Msg-Id"
	HeaderContentType = "Content-Type"
	HeaderTraceParent = "traceparent"
	HeaderSignature   = "Td-Signature"
	HeaderKey         = "Td-Key"
)

// SchemaMajor and SchemaMinor are the version of every payload of this package. A reader refuses another major, and
// ignores unknown fields only of a newer minor.
const (
	SchemaMajor = 1
	SchemaMinor = 0
)

const schemaPrefix = "urn:tenant-deletion:"

// Event is the submission in its envelope, ready to be encoded. Asked for twice it is the same event.
func (p *Submitted) Event(at time.Time) Event {
	return Event{ID: p.EventID(), Source: "/sources/" + string(p.Source), Type: TypeSubmitted, Subject: p.TenantID, Time: at.UTC(),
		Data: p}
}

var eventSpace = uuid.MustParse("7c0e5a8e-5f0c-5a9b-9d0e-2f6d0f6d7a11")

// EventIDFor is the deterministic id of an event: the same job, type, participant and attempt are the same event. The
// participant is empty for events that concern all of them; wave keeps the waves of one attempt apart.
func EventIDFor(job JobID, t Type, p Participant, wave, attempt int) EventID {
	name := strings.Join([]string{string(job), string(t), string(p), strconv.Itoa(wave), strconv.Itoa(attempt)}, "/")
	return EventID(uuid.NewSHA1(eventSpace, []byte(name)).String())
}

// EventID is the deterministic id of a submission. Its whole content decides, not the idempotency key alone: a stream drops
// an id that it has seen, and the same key with another content must reach the coordinator, which refuses it aloud.
func (p *Submitted) EventID() EventID {
	content := *p
	if content.NotBefore != nil {
		utc := content.NotBefore.UTC().Truncate(time.Microsecond)
		content.NotBefore = &utc
	}
	text, err := json.Marshal(content)
	if err != nil { // a struct of strings, numbers and a time that Validate has bounded
		text = []byte(p.RequestID)
	}
	return EventID(uuid.NewSHA1(eventSpace, append([]byte("submitted/"), text...)).String())
}

// wire is the JSON form of the envelope; the order of fields is the order on the wire.
type wire struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	DataSchema      string          `json:"dataschema"`
	TraceParent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// SchemaURN is the dataschema attribute of an event type at this package's version.
func SchemaURN(t Type) string {
	return fmt.Sprintf("%s%s:%d.%d", schemaPrefix, t, SchemaMajor, SchemaMinor)
}
