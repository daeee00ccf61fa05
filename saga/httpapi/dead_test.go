package httpapi

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	asked := events.Submitted{RequestID: "key-9", TenantID: "acme", Source: "crm", Reason: "gone", RequestedBy: "carol"}
	m, err := events.Encode(asked.Event(time.Now()))
	require.NoError(t, err)
	letters := []saga.DeadLetter{{Stream: events.StreamIntake, Consumer: events.ConsumerIntake, Sequence: 1, Subject: m.Subject,
		Reason: "the store was full", Body: m.Body, CreatedAt: time.Now()}}
	for i := range 4 {
		letters = append(letters, saga.DeadLetter{Stream: events.StreamEvents, Consumer: "orders", Sequence: uint64(i + 10),
			Subject: "tenant.deletion.requested.acme", Reason: "poison", Body: []byte("\x00\xffnot an event"), CreatedAt: time.Now()})
	}
	require.NoError(t, w.store.Bury(t.Context(), letters...))
	get := func(id int) string { return fmt.Sprint(lettersPath, "/", id) }

	t.Run("pages have every letter once, newest first, without bodies", func(t *testing.T) {
		w := w.as(t)
		var seen []int64
		for path := lettersPath + "?limit=2&resolved=true"; path != ""; {
			r := w.do(request{method: "GET", path: path}).is(http.StatusOK)
			for _, letter := range read[DeadLetters](r).DeadLetters {
				require.Empty(t, letter.Body)
				seen = append(seen, letter.ID)
			}
			path = next(t, r)
		}
		require.Equal(t, []int64{5, 4, 3, 2, 1}, seen)
	})
	t.Run("one is read with its message", func(t *testing.T) {
		w := w.as(t)
		letter := read[DeadLetter](w.do(request{method: "GET", path: get(2)}).is(http.StatusOK))
		require.Equal(t, letters[1].Body, letter.Body)
	})
	t.Run("a message is handled again, once", func(t *testing.T) {
		w := w.as(t)
		letter := read[DeadLetter](w.do(request{method: "POST", path: get(1) + "/resend", as: "bob"}).is(http.StatusOK))
		require.Equal(t, [2]string{saga.ResolutionResent, "bob"}, [2]string{letter.Resolution.Kind, letter.Resolution.By})
		jobs := read[Jobs](w.do(request{method: "GET", path: jobsPath + "?request_id=key-9"}).is(http.StatusOK))
		require.Len(t, jobs.Jobs, 1)
		w.do(request{method: "POST", path: get(1) + "/resend"}).refused(http.StatusConflict, CodeWrongState)
		late := request{method: "POST", path: get(1) + "/discard", body: Discard{Reason: "late"}}
		w.do(late).refused(http.StatusConflict, CodeWrongState)
	})
	t.Run("what is no event cannot be handled, and can be discarded", func(t *testing.T) {
		w := w.as(t)
		p := w.do(request{method: "POST", path: get(2) + "/resend"}).refused(http.StatusConflict, CodeWrongState)
		require.Contains(t, p.Detail, "not an event")
		for _, body := range []any{Discard{}, `{}`, `{"reason":" "}`, `{"reason":"a\u0000b"}`, `{"reason":7}`} {
			w.do(request{method: "POST", path: get(2) + "/discard", body: body}).refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
		discard := request{method: "POST", path: get(2) + "/discard", as: "bob", body: Discard{Reason: "sent by a test"}}
		letter := read[DeadLetter](w.do(discard).is(http.StatusOK))
		require.Equal(t, "sent by a test", letter.Resolution.Reason)
		open := read[DeadLetters](w.do(request{method: "GET", path: lettersPath + "?consumer=orders"}).is(http.StatusOK))
		require.Len(t, open.DeadLetters, 3)
	})
	t.Run("a number that is none is refused", func(t *testing.T) {
		w := w.as(t)
		for _, id := range []string{"0", "-1", "a", "1.5", "99999999999999999999"} {
			p := w.do(request{method: "GET", path: lettersPath + "/" + id}).refused(http.StatusUnprocessableEntity, CodeInvalid)
			require.Equal(t, "path.id", p.Errors[0].Location)
		}
	})
}
