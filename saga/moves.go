package saga

// stateNew is where a request stands before Start has made a job of it. No job is ever stored in it.
const stateNew State = "submitted"

const kindSubmit = "submit"

// move is one arrow of the drawing in doc.go: what takes a job from one state to another.
type move struct {
	from State
	by   string
	to   State
}

// moves is the transition table. A decision that is not in it is refused (ErrInvariant), and a test holds the drawing, this
// table and what transcripts and random runs observe against each other.
var moves = map[move]bool{
	{stateNew, kindSubmit, StateRefused}:          true,
	{stateNew, kindSubmit, StateAwaitingApproval}: true,
	{stateNew, kindSubmit, StateScheduled}:        true,
	{stateNew, kindSubmit, StateDeleting}:         true,

	{StateAwaitingApproval, "approve", StateScheduled}: true,
	{StateAwaitingApproval, "approve", StateDeleting}:  true,
	{StateAwaitingApproval, "reject", StateRejected}:   true,
	{StateAwaitingApproval, "cancel", StateCancelled}:  true,

	{StateScheduled, "tick", StateDeleting}:    true,
	{StateScheduled, "cancel", StateCancelled}: true,

	{StateScheduled, "counted", StateDeleting}:       true,
	{StateScheduled, "renew", StateAwaitingApproval}: true,

	{StateScheduled, "release", StateDeleting}:  true,
	{StateScheduled, "resume", StateDeleting}:   true,
	{StateScheduled, "governor", StateDeleting}: true,
	{StateDeleting, "resume", StateVerifying}:   true,

	{StateDeleting, "answered", StateVerifying}: true,
	{StateDeleting, "answered", StateFailed}:    true,

	{StateFailed, "answered", StateDeleting}:  true,
	{StateFailed, "answered", StateVerifying}: true,
	{StateFailed, "replay", StateDeleting}:    true,

	{StateDeleting, "waive", StateVerifying}: true,
	{StateDeleting, "waive", StateFailed}:    true,
	{StateFailed, "waive", StateDeleting}:    true,
	{StateFailed, "waive", StateVerifying}:   true,

	{StateVerifying, "verified", StateCompleted}: true,
	{StateVerifying, "verified", StateFailed}:    true,

	{StateVerifying, "restored", StateDeleting}: true,
	{StateFailed, "restored", StateDeleting}:    true,
	{StateCompleted, "restored", StateDeleting}: true,
}
