package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// bodyBytesMax bounds an encoded event: four times the largest result of a service with 200 tables, and the
// max_payload that deploy/nats sets on the server.
const bodyBytesMax = 64 << 10

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
	data, err := json.Marshal(e.Data)
	if err != nil {
		return Message{}, fmt.Errorf("events: encode %s: %w", e.Type, err)
	}
	body, err := json.Marshal(wire{
		SpecVersion: "1.0", ID: string(e.ID), Source: e.Source, Type: string(e.Type), Subject: string(e.Subject),
		Time: e.Time.UTC(), DataContentType: "application/json", DataSchema: SchemaURN(e.Type),
		TraceParent: e.TraceParent, Data: data,
	})
	if err != nil {
		return Message{}, fmt.Errorf("events: encode %s: %w", e.Type, err)
	}
	m := Message{Subject: Subject(e), Body: body, Header: map[string]string{
		HeaderMsgID: string(e.ID), HeaderContentType: ContentType,
	}}
	if e.TraceParent != "" {
		m.Header[HeaderTraceParent] = e.TraceParent
	}
	if _, err := Decode(m); err != nil {
		return Message{}, fmt.Errorf("events: encode %s: %w", e.Type, err)
	}
	return m, nil
}

// Decode checks a received message and returns its event. Errors match ErrInvalid, name the field, and never repeat its
// value.
func Decode(m Message) (Event, error) {
	if len(m.Body) > bodyBytesMax {
		return Event{}, fmt.Errorf("body: %w: larger than %d bytes", ErrInvalid, bodyBytesMax)
	}
	var w wire
	if err := decodeStrict(m.Body, &w, false); err != nil {
		return Event{}, fmt.Errorf("envelope: %w", err)
	}
	e := Event{ID: EventID(w.ID), Source: w.Source, Type: Type(w.Type), Time: w.Time, TraceParent: w.TraceParent}
	if err := w.validate(); err != nil {
		return Event{}, err
	}
	newer, err := checkSchema(w.DataSchema, e.Type)
	if err != nil {
		return Event{}, err
	}
	e.Data = newPayload(e.Type)
	if err := decodeStrict(w.Data, e.Data, !newer); err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	if e.Subject, err = ParseTenantID(w.Subject); err != nil {
		return Event{}, fmt.Errorf("envelope subject: %w", err)
	}
	if err := e.Data.validate(); err != nil {
		return Event{}, fmt.Errorf("data: %w", err)
	}
	if e.Data.TenantOf() != e.Subject {
		return Event{}, fmt.Errorf("subject: %w: envelope and data name different tenants", ErrInvalid)
	}
	if want := Subject(e); m.Subject != want {
		return Event{}, fmt.Errorf("subject: %w: the NATS subject does not belong to this %s event", ErrInvalid, e.Type)
	}
	return e, nil
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
	majorText, minorText, _ := strings.Cut(version, ".")
	major, err1 := strconv.Atoi(majorText)
	minor, err2 := strconv.Atoi(minorText)
	if err1 != nil || err2 != nil || minor < 0 {
		return false, fmt.Errorf("dataschema: %w: version is not major.minor", ErrInvalid)
	}
	if major != SchemaMajor {
		return false, fmt.Errorf("dataschema: %w: unknown major version, this reader knows %d", ErrInvalid, SchemaMajor)
	}
	return minor > SchemaMinor, nil
}

// decodeStrict reads exactly one JSON value, refuses a repeated or differently spelt key (encoding/json takes the last
// and folds case, so two readers could see two tenants), and, when closed, unknown fields.
func decodeStrict(body []byte, into any, closed bool) error {
	if err := checkKeys(body); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if closed {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: not the JSON the schema describes", ErrInvalid)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one JSON value", ErrInvalid)
	}
	return nil
}

// depthMax bounds nesting; the deepest event has four levels.
const depthMax = 16

// checkKeys walks the tokens once and refuses repeated keys, keys that differ only in case, and deep nesting.
func checkKeys(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	type frame struct {
		keys   map[string]bool // nil in an array
		wantID bool
	}
	var stack []frame
	for {
		tok, err := dec.Token()
		if err == io.EOF && len(stack) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: not JSON", ErrInvalid)
		}
		top := len(stack) - 1
		if key, ok := tok.(string); ok && top >= 0 && stack[top].keys != nil && stack[top].wantID {
			folded := strings.ToLower(key)
			if stack[top].keys[folded] {
				return fmt.Errorf("%w: a key appears twice", ErrInvalid)
			}
			stack[top].keys[folded] = true
			stack[top].wantID = false
			continue
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, frame{keys: map[string]bool{}, wantID: true})
		case json.Delim('['):
			stack = append(stack, frame{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			if top = len(stack) - 1; top >= 0 {
				stack[top].wantID = true
			}
			continue
		default:
			if top >= 0 {
				stack[top].wantID = true
			}
		}
		if len(stack) > depthMax {
			return fmt.Errorf("%w: nested deeper than %d", ErrInvalid, depthMax)
		}
	}
}
