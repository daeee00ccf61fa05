// Package schema holds the JSON Schema (draft 2020-12) of every event, envelope and data, for those who speak another
// language than Go.
//
// # Usage
//
// Files maps names to documents: <event type>.v1.json, and definitions.v1.json, which they refer to by its $id
// (urn:tenant-deletion:definitions:1.0). The $id of an event's document is the dataschema attribute of the event. Previews
// travel without an envelope: preview_request.v1.json, preview.v1.json. asyncapi.yaml, beside them, says who sends what where.
//
// # Guarantees
//
// What events.Encode makes is valid, and what is not valid events.Decode refuses; a test holds both against the same files.
// Readers of draft-07 see the same: make asyncapi judges the files once more by it.
//
// # Not guaranteed
//
// The schema cannot say that the envelope and the data name the same tenant, that total is a sum, or that no key appears
// twice: Decode refuses those too.
//
// # Shutdown
//
// Nothing here runs: there is nothing to end.
//
// # Testing
//
// events.TestGolden holds the documents and the Go validators together.
package schema

import "embed"

// Files are the documents.
//
//go:embed *.json
var Files embed.FS
