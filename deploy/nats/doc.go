// Package natsdeploy applies the stream and consumer definitions of this folder to a NATS JetStream broker, and writes the
// configuration of its servers: who may do what, and where a node is.
//
// # Usage
//
// The definitions are files in the server's own JSON (streams/, consumers/), so that
// `nats stream add --config streams/TD_EVENTS.json` accepts them as they are. The files participant.json and
// downstream.json are templates: {{participant}} and {{downstream}} stand for the name. Apply brings a broker to what the
// files and a Topology say; Diff only reports.
//
// The servers' files are in server/. MakeKeys makes a key for each user, Access.Config writes the accounts of who has one,
// WriteNode the folder of a node. docs/nats.md tells the story.
//
// # Guarantees
//
// Apply is safe to call again and reports what it changed: the second call reports nothing. It changes nothing at all when
// one of the changes is impossible on a live broker, and it never deletes a stream, a consumer or a message. Config grants
// nothing to whom it does not know, and nobody a deletion of streams, consumers or messages.
//
// # Not guaranteed
//
// Streams and consumers that no file names are left alone and not reported.
//
// # Testing
//
// deploy/nats/embedded starts a real server in the test's process.
package natsdeploy
