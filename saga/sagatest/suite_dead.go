package sagatest

import (
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var deadClaims = []claim{
	{"a dead letter is buried once and read back", func(f *fixture) {
		letter := saga.DeadLetter{Stream: "TD_EVENTS", Consumer: "coordinator_results", Sequence: 1<<64 - 1,
			Subject: "tenant.deletion.result.orders.t1", Reason: "not JSON", Body: []byte("\x00\xff'{"), CreatedAt: epoch}
		f.must(f.store.Bury(f.ctx, letter))
		other := letter
		other.Sequence, other.Body, other.Reason = 7, make([]byte, 1<<17), "too\x00 large"
		f.must(f.store.Bury(f.ctx, letter, other))
		buried, err := f.store.Buried(f.ctx, saga.DeadFilter{})
		f.must(err)
		f.that(len(buried) == 2 && len(buried[0].Body) == 1<<16, "two letters, the newest first, bounded")
		letter.ID = buried[1].ID
		f.that(reflect.DeepEqual(buried[1], letter), "%+v reads back", buried[1])
		newest, err := f.store.Buried(f.ctx, saga.DeadFilter{Limit: 1})
		f.must(err)
		f.that(len(newest) == 1 && newest[0].Sequence == 7, "a limit keeps the newest")
		third := letter
		third.Consumer = "orders"
		f.must(f.store.Bury(f.ctx, third, third))
		buried, err = f.store.Buried(f.ctx, saga.DeadFilter{})
		f.must(err)
		f.that(len(buried) == 3, "another consumer's refusal of the same message is a letter of its own")
	}},
	{"dead letters are listed newest first, by consumer, and page by page", func(f *fixture) {
		f.bury("orders", "pos", "orders", "sales")
		all := f.buried(saga.DeadFilter{})
		f.that(len(all) == 4 && all[0].Consumer == "sales" && all[3].Sequence == 1, "%+v begins with the newest", all)
		f.that(slices.IsSortedFunc(all, func(a, b saga.DeadLetter) int { return int(b.ID - a.ID) }), "a newer one has a higher id")
		orders := f.buried(saga.DeadFilter{Consumer: "orders"})
		f.that(len(orders) == 2 && orders[0].ID == all[1].ID && orders[1].ID == all[3].ID, "%+v are those of orders", orders)
		page := f.buried(saga.DeadFilter{Before: all[1].ID, Limit: 1})
		f.that(len(page) == 1 && page[0].ID == all[2].ID, "%+v follows", page)
		f.that(len(f.buried(saga.DeadFilter{Consumer: "orders\x00"})) == 0, "a name that nobody has lists none")
	}},
	{"a dead letter is read by its id", func(f *fixture) {
		f.bury("orders", "pos")
		for _, letter := range f.buried(saga.DeadFilter{}) {
			got, err := f.store.Letter(f.ctx, letter.ID)
			f.must(err)
			f.that(reflect.DeepEqual(got, letter), "%+v is %+v", got, letter)
		}
		for _, id := range []int64{0, -1, math.MaxInt64} {
			_, err := f.store.Letter(f.ctx, id)
			f.is(err, saga.ErrNotFound)
		}
	}},
	{"a resolved letter is closed, stays readable, and is not buried again", func(f *fixture) {
		f.bury("orders", "pos")
		letter := f.buried(saga.DeadFilter{})[1]
		discarded := saga.Resolution{Kind: saga.ResolutionDiscarded, By: "user-2", Reason: "sent by a test",
			At: epoch.Add(time.Hour + 1)}
		f.must(f.store.Resolve(f.ctx, letter.ID, discarded))
		open := f.buried(saga.DeadFilter{})
		f.that(len(open) == 1 && open[0].Consumer == "pos", "%+v are open", open)
		f.that(len(f.buried(saga.DeadFilter{Resolved: true})) == 2, "the closed one is listed when asked for")
		discarded.At = discarded.At.Truncate(time.Microsecond)
		letter.Resolution = &discarded
		got, err := f.store.Letter(f.ctx, letter.ID)
		f.must(err)
		f.that(reflect.DeepEqual(got, letter), "%+v is %+v", got, letter)
		letter.Resolution = nil
		f.must(f.store.Bury(f.ctx, letter))
		f.that(len(f.buried(saga.DeadFilter{})) == 1, "what was closed does not open again")
	}},
	{"a letter is resolved once, and an unknown one never", func(f *fixture) {
		f.bury("orders")
		id := f.buried(saga.DeadFilter{})[0].ID
		resent := saga.Resolution{Kind: saga.ResolutionResent, By: "user-2", At: epoch}
		f.is(f.store.Resolve(f.ctx, id+1000, resent), saga.ErrNotFound)
		f.must(f.store.Resolve(f.ctx, id, resent))
		f.is(f.store.Resolve(f.ctx, id, saga.Resolution{Kind: saga.ResolutionDiscarded, By: "user-3", Reason: "late", At: epoch}),
			saga.ErrState)
		letter, err := f.store.Letter(f.ctx, id)
		f.must(err)
		f.that(letter.Resolution.By == "user-2" && letter.Resolution.Kind == saga.ResolutionResent, "the first stands: %+v",
			letter.Resolution)
	}},
	{"a resolution that says too little is none", func(f *fixture) {
		f.bury("orders")
		id := f.buried(saga.DeadFilter{})[0].ID
		for _, r := range []saga.Resolution{
			{}, {Kind: "forgotten", By: "user-2", Reason: "old", At: epoch}, {Kind: saga.ResolutionResent, At: epoch},
			{Kind: saga.ResolutionDiscarded, By: "user-2", At: epoch},
			{Kind: saga.ResolutionDiscarded, By: "user-2", Reason: "\x00", At: epoch},
			{Kind: saga.ResolutionResent, By: "user\xff2", At: epoch},
		} {
			f.is(f.store.Resolve(f.ctx, id, r), events.ErrInvalid)
		}
		f.that(len(f.buried(saga.DeadFilter{})) == 1, "the letter is open")
	}},
	{"of several that resolve a letter at once one does", func(f *fixture) {
		const people, letters = 4, 10
		for range letters {
			f.bury("orders")
		}
		for _, letter := range f.buried(saga.DeadFilter{}) {
			outcomes := make([]error, people)
			f.together(people, func(i int) error {
				outcomes[i] = f.store.Resolve(f.ctx, letter.ID, saga.Resolution{Kind: saga.ResolutionResent, By: "user-2", At: epoch})
				return nil
			})
			won := 0
			for _, err := range outcomes {
				if err == nil {
					won++
					continue
				}
				f.is(err, saga.ErrState)
			}
			f.that(won == 1, "%d of %d closed letter %d", won, people, letter.ID)
		}
	}},
}

// bury stores a letter for each of the consumers.
func (f *fixture) bury(consumers ...string) {
	f.Helper()
	known := f.buried(saga.DeadFilter{Resolved: true})
	for i, consumer := range consumers {
		f.must(f.store.Bury(f.ctx, saga.DeadLetter{Stream: "TD_EVENTS", Consumer: consumer, Sequence: uint64(len(known) + i + 1),
			Subject: "tenant.deletion.requested.t1", Reason: "signature", Body: []byte("{}"), CreatedAt: epoch}))
	}
}

func (f *fixture) buried(filter saga.DeadFilter) []saga.DeadLetter {
	f.Helper()
	letters, err := f.store.Buried(f.ctx, filter)
	f.must(err)
	return letters
}
