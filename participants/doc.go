// Package participants is the services' side of a deletion: a service declares what it owns (a Service of one or more
// Erasers), Run takes part in the saga for it.
//
// # Usage
//
// See the package example and participants/example/loyalty: a plan, a Service, Run. Erase, EraseTenant and Preview of a Runner
// work without a broker, for a service that is asked over HTTP; whoever calls them has verified the caller. Erase needs a job's
// command, EraseTenant deletes outside of any job.
//
// # Guarantees
//
// A service deletes only for a command that the coordinator signed, that names it, that has not expired and that is not
// stale. Deletes and receipt commit together; whatever happens afterwards, every repeat answers with the stored receipt.
// The order is: commit, publish the result and wait until it is stored, acknowledge the command. What may not be handled at
// all (unverified, expired, not of the contract) becomes a dead letter; what is refused is answered with a code; a transient
// error comes back after a delay and is answered as gave_up when it lasts. No answer holds the text of a cause.
//
// # Not guaranteed
//
// Progress events may be lost. A command may be delivered again at any time.
//
// # Shutdown
//
// Run returns when its context ends; an erasure in flight is rolled back and handed back without burning an attempt.
//
// # Testing
//
// participantstest.Run holds a service against the contract on a real database and a real broker.
package participants
