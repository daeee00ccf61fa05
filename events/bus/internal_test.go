package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a.b", "a.b.c", false},
		{"a.*", "a.b", true}, {"a.*", "a", false}, {"a.*", "a.b.c", false}, {"*.b", "a.b", true}, {"a.*.c", "a.b.c", true},
		{"a.>", "a.b", true}, {"a.>", "a.b.c", true}, {"a.>", "a", false}, {">", "a", true}, {"a.*", "a.", false}, {"", "", false},
	} {
		require.Equal(t, c.want, match(c.pattern, c.subject), "%s %s", c.pattern, c.subject)
	}
}

func TestDispose(t *testing.T) {
	t.Parallel()
	require.Equal(t, Disposition{}, Dispose(nil, 7))
	require.Equal(t, Disposition{Verb: VerbTerm, Reason: "schema v9"}, Dispose(fmt.Errorf("x: %w", Poison("schema v%d", 9)), 1))
	require.Equal(t, Disposition{Verb: VerbDelay, Delay: shutdownDelay}, Dispose(fmt.Errorf("x: %w", context.Canceled), 5))
	for delivered := range 100 {
		d := Dispose(errors.New("x"), delivered)
		require.Equal(t, VerbDelay, d.Verb)
		require.GreaterOrEqual(t, d.Delay, retryDelayMin/2)
		require.LessOrEqual(t, d.Delay, retryDelayMax)
	}
	require.GreaterOrEqual(t, Dispose(errors.New("x"), 100).Delay, retryDelayMax/2)
	require.Equal(t, "ack delay term", fmt.Sprint(VerbAck, " ", VerbDelay, " ", VerbTerm))
}

// The topology in memory is the one of the files.
func TestMemoryIsDeployed(t *testing.T) {
	t.Parallel()
	participants, downstream := []events.Participant{"orders", "pos"}, []string{"billing"}
	definitions, err := natsdeploy.Define(natsdeploy.Topology{Participants: participants,
		Downstream: []natsdeploy.Subscriber{{Name: downstream[0]}}})
	require.NoError(t, err)
	var streams []MemoryStream
	for _, d := range definitions.Streams {
		s := MemoryStream{Name: d.Name, Subjects: d.Subjects, WorkQueue: d.Retention == jetstream.WorkQueuePolicy,
			MessagesMax: int(max(d.MaxMsgs, 0))}
		if d.RePublish != nil {
			s.Republish.From, s.Republish.To = d.RePublish.Source, d.RePublish.Destination
		}
		require.Equal(t, memoryDuplicates, d.Duplicates)
		require.EqualValues(t, messageBytesMax, d.MaxMsgSize)
		streams = append(streams, s)
	}
	var consumers []MemoryConsumer
	for _, d := range definitions.Consumers {
		c := MemoryConsumer{Stream: d.Stream, Name: d.Durable, Filters: slices.Concat(filter(d.FilterSubject), d.FilterSubjects)}
		if d.MaxAckPending == 1 { // the larger ones bound what a broker keeps in mind, which memory does not need
			c.AckPendingMax = 1
		}
		consumers = append(consumers, c)
	}
	sortSubjects := func(streams []MemoryStream) []MemoryStream {
		for _, s := range streams {
			slices.Sort(s.Subjects)
		}
		return streams
	}
	require.Equal(t, sortSubjects(streams), sortSubjects(contractStreams()))
	require.Equal(t, consumers, contractConsumers(participants, downstream))
	for _, s := range streams {
		for _, subject := range s.Subjects {
			if s.Name != events.StreamDead {
				require.Equal(t, s.Name, events.StreamOfSubject(subject))
			}
		}
	}
}

func filter(subject string) []string {
	if subject == "" {
		return nil
	}
	return []string{subject}
}

func TestHeart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		beats := 0
		h := startHeart(time.Second, func() { beats++ })
		time.Sleep(3500 * time.Millisecond) // of the bubble's clock
		h.stop()
		time.Sleep(time.Hour)
		require.Equal(t, 3, beats)
	})
}
