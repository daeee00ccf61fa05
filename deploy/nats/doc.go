// Package natsdeploy applies the stream and consumer definitions of this folder to a NATS JetStream broker.
//
// # Usage
//
// The definitions are files in the server's own JSON (streams/, consumers/), so that
// `nats stream add --config streams/TD_EVENTS.json` accepts them as they are. The files participant.json and
// downstream.json are templates: {{participant}} and {{downstream}} stand for the name. Apply brings a broker to what the
// files and a Topology say; Diff only reports.
//
// # Guarantees
//
// Apply is safe to call again and reports what it changed: the second call reports nothing. It changes nothing at all when
// one of the changes is impossible on a live broker, and it never deletes a stream, a consumer or a message.
//
// # Not guaranteed
//
// Streams and consumers that no file names are left alone and not reported.
//
// # Testing
//
// deploy/nats/embedded starts a real server in the test's process.
package natsdeploy
