// Package client is what other teams use: ask for the deletion of a tenant, wait for what became of it, and hear of every
// tenant that is gone.
//
// # Usage
//
// Submit asks; Look and Await tell what became of it. Deleted runs a durable subscriber, Once makes its effect happen once,
// Open reads the plain broadcast on tenant.deleted. docs/publish.md and docs/subscribe.md are the manual, also for other
// languages.
//
// # Guarantees
//
// Submit returns nil only when the request is durably stored; the same request again is the same job. Deleted hands every
// event to the handler at least once and in the stream's order: while one fails, nothing overtakes it. With Once, the event's
// effect in the database happens exactly once, whatever is killed when. Await does not miss what was published before it was
// called.
//
// # Not guaranteed
//
// Effects outside the database of Once may happen again. Plain subscribers may miss events. The stream forgets after 90 days.
//
// # Shutdown
//
// When its context ends, Deleted lets the running handler finish within Config.Grace, acknowledges its event, and returns.
// Close the bus afterwards.
//
// # Testing
//
// bus.NewMemory carries all of it without a network.
package client
