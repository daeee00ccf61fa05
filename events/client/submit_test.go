package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
)

const intakeSubject = "tenant.deletion.submitted.crm"

func TestSubmit(t *testing.T) {
	t.Parallel()
	t.Run("what is accepted is stored, and a repeat is the same request", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			first, err := client.Submit(t.Context(), b, request("k-1"))
			require.NoError(t, err)
			again, err := client.Submit(t.Context(), b, request("k-1"))
			require.NoError(t, err)
			require.Equal(t, first.EventID, again.EventID)
			stored, err := b.Last(t.Context(), events.StreamIntake, intakeSubject)
			require.NoError(t, err)
			require.EqualValues(t, 1, stored.Sequence)
			e, err := events.Decode(stored.Message)
			require.NoError(t, err)
			want := request("k-1")
			require.Equal(t, &want, e.Data)
			require.Equal(t, first.EventID, e.ID)
		})
	})
	t.Run("a mistake names its fields, echoes nothing and sends nothing", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{})
		wrong := request("a b")
		wrong.TenantID, wrong.RequestedBy = "no.such*", "Jane Doe"
		_, err := client.Submit(t.Context(), b, wrong)
		require.ErrorIs(t, err, events.ErrInvalid)
		require.False(t, client.Repeat(err))
		for _, value := range []string{"a b", "no.such*", "Jane"} {
			require.NotContains(t, err.Error(), value)
		}
		_, err = b.Last(t.Context(), events.StreamIntake, intakeSubject)
		require.ErrorIs(t, err, bus.ErrNotFound)
	})
	t.Run("a full stream is an error that a repeat may cure", func(t *testing.T) {
		t.Parallel()
		b := jetStream(t)
		stream, err := b.js.Stream(t.Context(), events.StreamIntake)
		require.NoError(t, err)
		config := stream.CachedInfo().Config
		config.MaxMsgs = 1
		_, err = b.js.UpdateStream(t.Context(), config)
		require.NoError(t, err)
		_, err = client.Submit(t.Context(), b, request("k-1"))
		require.NoError(t, err)
		_, err = client.Submit(t.Context(), b, request("k-2"))
		require.ErrorIs(t, err, bus.ErrFull)
		require.True(t, client.Repeat(err))
		require.NoError(t, stream.Purge(t.Context())) // the coordinator has taken what was there
		_, err = client.Submit(t.Context(), b, request("k-2"))
		require.NoError(t, err)
	})
	t.Run("an ended context is its error, and a repeat is safe", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := client.Submit(ctx, b, request("k-1"))
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, client.Repeat(err))
		})
	})
	require.False(t, client.Repeat(nil))
}

func TestAwait(t *testing.T) {
	t.Parallel()
	soon := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		return ctx
	}
	t.Run("an end that was published before the call is not missed", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			publish(t, b, gone("t1", 1))
			ending, err := client.Await(soon(t), b, request("k-1"), client.AwaitConfig{})
			require.NoError(t, err)
			require.Equal(t, 1, ending.Deleted.Generation)
			require.EqualValues(t, 1, ending.Place)
			require.Equal(t, events.TypeDeleted, ending.Event.Type)
		})
	})
	t.Run("an end that comes later wakes it; of another tenant or before the place it does not count", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			publish(t, b, gone("t1", 1), gone("t2", 2))
			place, err := client.Look(t.Context(), b, "t1")
			require.NoError(t, err)
			require.EqualValues(t, 1, place)
			reported := make(chan *events.Outcome, 2)
			ended := make(chan client.Ending, 1)
			ctx := soon(t)
			go func() {
				ending, err := client.Await(ctx, b, request("k-1"), client.AwaitConfig{After: place,
					Report: func(o *events.Outcome) { reported <- o }})
				if err == nil {
					ended <- ending
				}
			}()
			publish(t, b, outcome(t, events.TypeFailed, "failed", "k-1"))
			require.Equal(t, "failed", receive(t, reported).State)
			publish(t, b, outcome(t, events.TypeCancelled, "cancelled", "k-of-another"))
			require.Equal(t, "k-of-another", receive(t, reported).RequestID)
			select {
			case <-ended:
				require.FailNow(t, "a failed job is not the end")
			default:
			}
			publish(t, b, gone("t1", 3))
			require.Equal(t, 3, receive(t, ended).Deleted.Generation)
		})
	})
	for kind, state := range map[events.Type]string{events.TypeFailed: "refused", events.TypeCancelled: "cancelled"} {
		t.Run("a request that is "+state+" has ended", func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, b bus.Bus) {
				publish(t, b, outcome(t, kind, state, "k-1"), gone("t1", 1))
				ending, err := client.Await(soon(t), b, request("k-1"), client.AwaitConfig{})
				require.NoError(t, err)
				require.Nil(t, ending.Deleted)
				require.Equal(t, state, ending.Outcome.State)
			})
		})
	}
	t.Run("an older announcement that is sent again is not the end", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			publish(t, b, gone("t1", 1))
			place, err := client.Look(t.Context(), b, "t1")
			require.NoError(t, err)
			again := gone("t1", 1)
			again.Header[events.HeaderMsgID] += "/again/1"
			publish(t, b, again, gone("t1", 2))
			ending, err := client.Await(soon(t), b, request("k-1"), client.AwaitConfig{After: place})
			require.NoError(t, err)
			require.Equal(t, 2, ending.Deleted.Generation)
			require.EqualValues(t, 3, ending.Place)
		})
	})
	t.Run("an event that nobody trusted has signed is passed over", func(t *testing.T) {
		t.Parallel()
		b, signer := bus.NewMemory(bus.MemoryConfig{}), newSigner(t)
		signed, err := signer.Sign(gone("t1", 2))
		require.NoError(t, err)
		publish(t, b, gone("t1", 1), signed)
		ending, err := client.Await(soon(t), b, request("k-1"),
			client.AwaitConfig{TrustedKeys: []events.PublicKey{signer.PublicKey()}})
		require.NoError(t, err)
		require.Equal(t, 2, ending.Deleted.Generation)
	})
	t.Run("the end of its context is its error", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := client.Await(ctx, b, request("k-1"), client.AwaitConfig{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("a malformed request is refused", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{})
		_, err := client.Await(t.Context(), b, request(""), client.AwaitConfig{})
		require.ErrorIs(t, err, events.ErrInvalid)
		_, err = client.Look(t.Context(), b, "*")
		require.ErrorIs(t, err, events.ErrInvalid)
	})
}

func newSigner(t *testing.T) *events.Signer {
	t.Helper()
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	return signer
}
