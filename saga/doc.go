// Package saga is the coordinator's pure core: what a deletion job is, how it moves, and what is kept of it.
//
// # The machine
//
// An arrow carries the input that takes a job along it. Inputs that leave a job in its state are not drawn. A test holds
// this drawing against the transition table that Decide obeys, and both against what transcripts and random runs observe.
//
//	submitted ──submit──► scheduled ──tick──► deleting ──answered──► verifying ──verified──► completed
//	submitted ──submit──► deleting               (no grace)
//	submitted ──submit──► refused                (empty roster)
//	submitted ──submit──► awaiting_approval      (policy: approval)
//
//	awaiting_approval ──approve──► scheduled     (the grace begins)
//	awaiting_approval ──approve──► deleting      (no grace)
//	awaiting_approval ──reject──► rejected
//	awaiting_approval ──cancel──► cancelled
//	scheduled ──cancel──► cancelled              (nothing was deleted)
//
//	scheduled ──counted──► deleting              (what was confirmed by a preview still holds)
//	scheduled ──renew──► awaiting_approval       (another preview, which a second person must approve)
//
//	scheduled ──release──► deleting              (the last legal hold was released, and the grace is over)
//	scheduled ──resume──► deleting               (a pause has ended)
//	scheduled ──governor──► deleting             (the governor has a higher limit, or none)
//	deleting ──resume──► verifying               (the last wave had ended in the pause)
//
//	deleting ──answered──► failed                (nobody is asked any more, and someone failed)
//	verifying ──verified──► failed               (residue)
//	failed ──replay──► deleting
//	failed ──answered──► deleting                (a late success; the next wave begins)
//	failed ──answered──► verifying               (a late success of the last one)
//
//	deleting ──waive──► verifying                (without a participant that is silent; everybody else has succeeded)
//	deleting ──waive──► failed                   (without it; another one failed)
//	failed ──waive──► deleting                   (without the last one that failed; the next wave begins)
//	failed ──waive──► verifying
//
//	verifying ──restored──► deleting             (a participant came back from a backup)
//	failed ──restored──► deleting
//	completed ──restored──► deleting             (the only way out of an end; the record keeps both passes)
//
// The pivot is the arrow into deleting: before it a job may be cancelled, after it a job only goes forward.
//
// # Usage
//
// A Store makes jobs with Start and changes them with Decide, each in one transaction with the events of the Decision. The
// runner feeds inputs: results of participants (Answered), counts after the last delete (Verified), time (Tick), the loss
// of a stream or of a process (Lost), what people decide (Approve, Reject, Cancel, Renew, Replay, Restored, Waive), and changes
// of what guards every job (Guarded). A tenant whose preview was confirmed is counted once more before the first delete
// (Counted).
//
// # Guarantees
//
// Start and Decide are pure: no clock, no randomness, no log; equal arguments give equal decisions, down to the ids of the
// events. A repeated or stale input changes nothing. tenant.deleted is decided once in each round, and only in the decision
// that sees the last participant of the roster proven empty; those that a person has waived are named in it. A final job
// never changes, but for a completed one whose participant was restored from a backup: a new round begins. Every saved
// decision is a line of the job's history. A job that waits for anything but a running deletion says why, since when, and
// what to do (Blocked).
//
// # Not guaranteed
//
// That a deletion ends: a participant that never answers keeps its job open, with its name on it, until a person decides to
// close the job without it. A deadline that has passed is visible (Job.Overdue) and changes nothing.
//
// # Shutdown
//
// Nothing runs in this package. Decisions that were not saved were not made.
//
// # Testing
//
// testdata holds transcripts of jobs; go test ./saga -update rewrites them, and a person reads the diff. Package sagatest
// has the contract of a Store, and a Store in memory.
package saga
