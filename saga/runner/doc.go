// Package runner is the coordinator's engine: it moves what saga.Decide decides between the store and the bus.
//
// # Usage
//
// New takes a saga.Store, a bus.Bus and a signing key; Run works until its context ends. The facade (Submit, Act,
// Job, Jobs, History, Follow, Preview, ReplayAll, Announce, the dead letters and the roster) works on any Runner, whether it
// runs or not: what it saves is sent by whoever runs.
//
// # Guarantees
//
// State, inbox and outbox commit together, then events are sent, then deliveries are acknowledged. A process that dies
// between any two of these loses nothing: the outbox keeps what was not sent, the bus redelivers what was not acknowledged,
// the inbox counts it once. A stream that was lost is noticed, and the commands it held are sent again at once. What can
// never be handled becomes a dead letter with a reason and blocks nobody. A request that Config.Rules cannot judge, or that
// Config.Auditor cannot record, is handed back. Any number of replicas may run on one store.
//
// # Not guaranteed
//
// An event may be published more than once (always with the same id). Verification may be asked for more than once.
//
// # Shutdown
//
// Run returns after every loop has returned; a batch in flight is finished or handed back. The first loop that can never
// work again ends them all, and Run returns its error.
//
// # Testing
//
// sagatest.NewMemory and bus.Memory need neither a database nor a network; Config.Clock and Config.Reached let tests hold
// the time and stop at the points where a crash must do no harm.
package runner
