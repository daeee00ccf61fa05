// Package events is the hall both wings of the house stand on: the words the coordinator and the participants share.
//
// # Usage
//
// Ids are parsed once at the edge (ParseTenantID, ParseJobID, ParseParticipant). An Event is a CloudEvents 1.0 envelope with
// one of the payloads of this package; Encode turns it into the Message that travels, Decode turns a received Message
// back and checks it.
//
// # Guarantees
//
// The id of an event is deterministic (EventIDFor), so the repeat of a message is the same message. Decode accepts only
// what the schema of the event's version allows, each key once and spelt exactly, and only when the envelope, the payload
// and the NATS subject name the same tenant and the same participant.
//
// # Not guaranteed
//
// Decode does not verify signatures: Verify does, and whoever acts on a Command calls it first.
//
// # Shutdown
//
// Nothing here runs: there is nothing to end.
//
// # Testing
//
// testdata holds events that are right and wrong, by type and version; Decode and the JSON Schema of events/schema judge the
// same files. FuzzDecode starts from them.
package events
