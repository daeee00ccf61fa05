package runner

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// FuzzAdvisory feeds the reader of dead letters with what the broker might say, and with what somebody might say in its place:
// what becomes a letter can be stored.
func FuzzAdvisory(f *testing.F) {
	f.Add("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.orders",
		[]byte(`{"stream":"TD_EVENTS","consumer":"orders","stream_seq":7,"deliveries":1,"reason":"signature: missing"}`))
	f.Add("a", []byte(`{"stream":"\u0000","stream_seq":18446744073709551615,"timestamp":"9999-12-31T23:59:59Z"}`))
	f.Add("\xff", []byte(`{`))
	r := &Runner{cfg: Config{}.withDefaults()}
	f.Fuzz(func(t *testing.T, subject string, body []byte) {
		letter, err := r.letterOf(bus.Delivery{Message: events.Message{Subject: subject, Body: body}})
		if err != nil {
			return
		}
		stored := letter.Bounded()
		require.NotEmpty(t, stored.Stream)
		require.NotZero(t, stored.Sequence)
		require.False(t, stored.CreatedAt.IsZero())
		for _, text := range []string{stored.Stream, stored.Consumer, stored.Subject, stored.Reason} {
			require.True(t, utf8.ValidString(text))
			require.NotContains(t, text, "\x00")
		}
	})
}
