package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// bodyBytesMax bounds an encoded event: four times the largest result of a service with 200 tables, and the
// max_payload that deploy/nats sets on the server.
const bodyBytesMax = 64 << 10

var (
	traceForm   = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	versionForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})$`)
)

// newPayload makes the empty payload of a type; nil for a type this package does not know.
func newPayload(t Type) Payload {
	switch t {
	case TypeSubmitted:
		return new(Submitted)
	case TypeRequested, TypeReplayed:
		return new(Command)
	case TypeResult:
		return new(Result)
	case TypeFailed, TypeCancelled:
		return new(Outcome)
	case TypeDeleted:
		return new(Deleted)
	case TypeProgress:
		return new(Progress)
	}
	return nil
}

// Encode checks the event and turns it into the message that travels. An event that Decode would refuse is an error here.
func Encode(e Event) (Message, error) {
	m, err := encode(e)
	if err != nil {
		return Message{}, fmt.Errorf("events: encode %s: %w", e.Type, err)
	}
	return m, nil
}

// encode makes the checks of Decode on the event itself: decoding what was just encoded was a tenth of the coordinator's work.
// What only bytes can be (a key spelt differently, or twice) json.Marshal does not write.
func encode(e Event) (Message, error) {
	w := wire{SpecVersion: "1.0", ID: string(e.ID), Source: e.Source, Type: string(e.Type), Subject: string(e.Subject),
		Time: e.Time.UTC(), DataContentType: "application/json", DataSchema: SchemaURN(e.Type), TraceParent: e.TraceParent}
	if err := w.validate(); err != nil {
		return Message{}, err
	}
	if reflect.TypeOf(e.Data) != reflect.TypeOf(newPayload(e.Type)) || reflect.ValueOf(e.Data).IsNil() {
		return Message{}, fmt.Errorf("data: %w: does not belong to the event's type", ErrInvalid)
	}
	m := Message{Subject: Subject(e)}
	err := e.check(m.Subject)
	if err != nil {
		return Message{}, err
	}
	if w.Data, err = json.Marshal(e.Data); err != nil {
		return Message{}, err
	}
	if m.Body, err = json.Marshal(w); err != nil {
		return Message{}, err
	}
	if len(m.Body) > bodyBytesMax {
		return Message{}, fmt.Errorf("body: %w: larger than %d bytes", ErrInvalid, bodyBytesMax)
	}
	m.Header = map[string]string{HeaderMsgID: string(e.ID), HeaderContentType: ContentType}
	if e.TraceParent != "" {
		m.Header[HeaderTraceParent] = e.TraceParent
	}
	return m, nil
}

// Decode checks a received message and returns its event. Errors match ErrInvalid, name the field, and never repeat its
// value.
func Decode(m Message) (Event, error) {
	if len(m.Body) > bodyBytesMax {
		return Event{}, fmt.Errorf("body: %w: larger than %d bytes", ErrInvalid, bodyBytesMax)
	}
	w, e, err := open(m.Body)
	if err != nil {
		return Event{}, err
	}
	e.Subject = TenantID(w.Subject)
	if err := e.check(m.Subject); err != nil {
		return Event{}, err
	}
	return e, nil
}

// check holds envelope, payload and NATS subject together.
func (e *Event) check(subject string) error {
	if err := e.Subject.Validate(); err != nil {
		return fmt.Errorf("envelope subject: %w", err)
	}
	if err := e.Data.validate(); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if e.Data.TenantOf() != e.Subject {
		return fmt.Errorf("subject: %w: envelope and data name different tenants", ErrInvalid)
	}
	if subject != Subject(*e) {
		return fmt.Errorf("subject: %w: the NATS subject does not belong to this %s event", ErrInvalid, e.Type)
	}
	return nil
}

// open reads the envelope and the payload, each key exactly as the schema spells it.
func open(body []byte) (w wire, e Event, err error) {
	if err := json.Unmarshal(body, &w); err != nil {
		return w, e, fmt.Errorf("envelope: %w: not the JSON the schema describes", ErrInvalid)
	}
	if err := w.validate(); err != nil {
		return w, e, err
	}
	e = Event{ID: EventID(w.ID), Source: w.Source, Type: Type(w.Type), Time: w.Time, TraceParent: w.TraceParent}
	newer, err := checkSchema(w.DataSchema, e.Type)
	if err != nil {
		return w, e, err
	}
	e.Data = newPayload(e.Type)
	if err := checkSpelling(body, e.Type, newer); err != nil {
		return w, e, err
	}
	if err := json.Unmarshal(w.Data, e.Data); err != nil {
		return w, e, fmt.Errorf("data: %w: not the JSON the schema describes", ErrInvalid)
	}
	return w, e, nil
}

func (w *wire) validate() error {
	switch {
	case w.SpecVersion != "1.0":
		return fmt.Errorf("specversion: %w: must be 1.0", ErrInvalid)
	case w.ID == "" || len(w.ID) > 128:
		return fmt.Errorf("id: %w: must be 1 to 128 characters", ErrInvalid)
	case w.Source == "" || len(w.Source) > 128:
		return fmt.Errorf("source: %w: must be 1 to 128 characters", ErrInvalid)
	case w.Time.IsZero():
		return fmt.Errorf("time: %w: missing", ErrInvalid)
	case w.DataContentType != "application/json":
		return fmt.Errorf("datacontenttype: %w: must be application/json", ErrInvalid)
	case w.TraceParent != "" && !traceForm.MatchString(w.TraceParent):
		return fmt.Errorf("traceparent: %w: not a W3C trace context", ErrInvalid)
	case newPayload(Type(w.Type)) == nil:
		return fmt.Errorf("type: %w: not an event of this contract", ErrInvalid)
	}
	return nil
}

// checkSchema reports whether the payload is of a newer minor version, which may hold fields we do not know.
func checkSchema(urn string, t Type) (newer bool, err error) {
	version, ok := strings.CutPrefix(urn, schemaPrefix+string(t)+":")
	if !ok {
		return false, fmt.Errorf("dataschema: %w: does not belong to the event's type", ErrInvalid)
	}
	digits := versionForm.FindStringSubmatch(version)
	if digits == nil {
		return false, fmt.Errorf("dataschema: %w: version is not major.minor", ErrInvalid)
	}
	major, err1 := strconv.Atoi(digits[1])
	minor, err2 := strconv.Atoi(digits[2])
	if err := errors.Join(err1, err2); err != nil { // four digits always fit
		return false, err
	}
	if major != SchemaMajor {
		return false, fmt.Errorf("dataschema: %w: unknown major version, this reader knows %d", ErrInvalid, SchemaMajor)
	}
	return minor > SchemaMinor, nil
}
