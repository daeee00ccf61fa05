package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// depthMax bounds nesting; the deepest event has four levels.
const depthMax = 16

// shape is what the schema says about a JSON value. A nil shape is any value.
type shape struct {
	fields   map[string]*shape // of an object with fixed keys; nil for every other value
	required []string          // those of fields that may not be missing
	each     *shape            // of every element of a list and of every value of a map
}

func shapeFor[T any]() *shape { return shapeOf(reflect.TypeFor[T]()) }

// The shapes of the contract, read from the tags of its types.
var (
	envelopeShape = shapeFor[wire]()
	payloadShapes = map[Type]*shape{
		TypeSubmitted: shapeFor[Submitted](), TypeRequested: shapeFor[Command](), TypeReplayed: shapeFor[Command](),
		TypeResult: shapeFor[Result](), TypeFailed: shapeFor[Outcome](), TypeCancelled: shapeFor[Outcome](),
		TypeDeleted: shapeFor[Deleted](), TypeProgress: shapeFor[Progress](),
	}
)

func shapeOf(t reflect.Type) *shape {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return nil
	case t == reflect.TypeFor[time.Time]():
		return &shape{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice, reflect.Map:
		return &shape{each: shapeOf(t.Elem())}
	case reflect.Struct:
		s := &shape{fields: map[string]*shape{}}
		for field := range t.Fields() {
			name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
			s.fields[name] = shapeOf(field.Type)
			if option != "omitempty" {
				s.required = append(s.required, name)
			}
		}
		return s
	default:
		return &shape{}
	}
}

// speller walks an event once. encoding/json takes the last of repeated keys, matches keys in any case and passes null
// over, so that two readers could see two tenants in one event: the speller refuses all of that. It walks bytes, because
// json.Decoder's tokens took three times as long as everything else in Decode.
type speller struct {
	body []byte // valid JSON
	at   int
	// newer says that the payload is of a later minor version, whose further keys are ignored.
	newer   bool
	payload *shape
	what    string // what an unknown key is a key of
}

// checkSpelling refuses keys that are unknown, missing, repeated or spelt differently, and null. The body must be valid JSON.
func checkSpelling(body []byte, t Type, newer bool) error {
	s := &speller{body: body, newer: newer, payload: payloadShapes[t], what: "data"}
	return s.check(envelopeShape)
}

func (s *speller) check(is *shape) error {
	if !utf8.Valid(s.body) {
		return fmt.Errorf("body: %w: not UTF-8", ErrInvalid)
	}
	return s.value(is, 1)
}

func (s *speller) value(is *shape, depth int) error {
	if depth > depthMax {
		return fmt.Errorf("body: %w: nested deeper than %d", ErrInvalid, depthMax)
	}
	switch s.peek() {
	case '{':
		return s.object(is, depth)
	case '[':
		return s.list(is, depth)
	case '"':
		s.text()
	case 'n':
		if is != nil {
			return fmt.Errorf("body: %w: null is no value of the contract", ErrInvalid)
		}
		s.at += len("null")
	default: // a number or a truth value
		s.at += max(bytes.IndexAny(s.body[s.at:], ",]} \t\r\n"), 1)
	}
	return nil
}

func (s *speller) list(is *shape, depth int) error {
	for s.at++; s.peek() != ']'; s.comma() {
		if err := s.value(is.element(), depth+1); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

func (s *speller) object(is *shape, depth int) error {
	seen := map[string]bool{}
	for s.at++; s.peek() != '}'; s.comma() {
		key := s.text()
		if seen[key] {
			return fmt.Errorf("body: %w: a key appears twice", ErrInvalid)
		}
		seen[key] = true
		child, err := s.child(is, key)
		if err != nil {
			return err
		}
		s.peek()
		s.at++ // the colon
		if err := s.value(child, depth+1); err != nil {
			return err
		}
	}
	s.at++
	return is.complete(seen)
}

// peek passes white space over and looks at the next byte.
func (s *speller) peek() byte {
	for s.body[s.at] == ' ' || s.body[s.at] == '\t' || s.body[s.at] == '\r' || s.body[s.at] == '\n' {
		s.at++
	}
	return s.body[s.at]
}

func (s *speller) comma() {
	if s.peek() == ',' {
		s.at++
	}
}

// text reads a string, with its escapes resolved: two spellings of a key are one key.
func (s *speller) text() string {
	start, escaped := s.at, false
	for s.at++; s.body[s.at] != '"'; s.at++ {
		if s.body[s.at] == '\\' {
			escaped = true
			s.at++
		}
	}
	s.at++
	if !escaped {
		return string(s.body[start+1 : s.at-1])
	}
	var text string
	_ = json.Unmarshal(s.body[start:s.at], &text) // the body is valid JSON, so is this string
	return text
}

// child is the shape of a key's value. In a map every key is its own; in an object the spelling decides.
func (s *speller) child(of *shape, key string) (*shape, error) {
	if of == nil || of.fields == nil {
		return of.element(), nil
	}
	if child, ok := of.fields[key]; ok {
		if of == envelopeShape && key == "data" {
			return s.payload, nil
		}
		return child, nil
	}
	for known := range of.fields {
		if strings.EqualFold(known, key) {
			return nil, fmt.Errorf("%s: %w: the key is spelt differently", known, ErrInvalid)
		}
	}
	if of != envelopeShape && !s.newer { // CloudEvents allows extension attributes beside the payload
		return nil, fmt.Errorf("%s: %w: a key that the schema does not have", s.what, ErrInvalid)
	}
	return nil, nil
}

func (s *shape) element() *shape {
	if s == nil {
		return nil
	}
	return s.each
}

// complete says which key is missing, if any.
func (s *shape) complete(seen map[string]bool) error {
	if s == nil {
		return nil
	}
	for _, name := range s.required {
		if !seen[name] {
			return fmt.Errorf("%s: %w: missing", name, ErrInvalid)
		}
	}
	return nil
}
