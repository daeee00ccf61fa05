// Package embedded runs a NATS server with JetStream inside a process: for the local stack, for tests, and for
// installations with one coordinator node.
//
// # Usage
//
// Start it on a folder, connect with bus.Config.InProcess (no socket) or by ClientURL, Stop it last. StartNode runs the server
// of a configuration file, as nats-server does: one node of an installation.
//
// # Guarantees
//
// One process per folder: the server itself has no lock, and two of them on one folder acknowledge the same sequences.
// Acknowledged messages survive the end of the process, however it ends; a power failure loses at most the last
// SyncInterval, unless SyncAlways. It listens on the loopback interface unless Host says otherwise.
//
// # Not guaranteed
//
// Replication: that needs three nodes, each in a process of its own.
//
// # Shutdown
//
// Stop the coordinator and the participants, close their buses, then Stop; it waits until the store is written.
//
// # Testing
//
// A test starts its own server on t.TempDir(); that takes some 15 ms.
package embedded
