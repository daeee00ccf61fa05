package events_test

import (
	"encoding/base64"
	"maps"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

func signer(t testing.TB) *events.Signer {
	t.Helper()
	seed, err := events.NewSeed()
	require.NoError(t, err)
	s, err := events.NewSigner(seed)
	require.NoError(t, err)
	return s
}

func TestSign(t *testing.T) {
	t.Parallel()
	mine, other := signer(t), signer(t)
	plain := encoded(t, event(events.TypeRequested, command("orders")))
	signed, err := mine.Sign(plain)
	require.NoError(t, err)

	t.Run("a trusted signature holds, also while one key replaces the other", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, events.Verify(signed, mine.PublicKey()))
		require.NoError(t, events.Verify(signed, other.PublicKey(), mine.PublicKey()))
		again, err := other.Sign(signed)
		require.NoError(t, err)
		require.NoError(t, events.Verify(again, other.PublicKey(), mine.PublicKey()))
	})
	t.Run("signing leaves the message as it was", func(t *testing.T) {
		t.Parallel()
		require.NotContains(t, plain.Header, events.HeaderSignature)
		require.Equal(t, plain.Header[events.HeaderMsgID], signed.Header[events.HeaderMsgID])
		bare, err := mine.Sign(events.Message{Subject: "a"})
		require.NoError(t, err)
		require.NoError(t, events.Verify(bare, mine.PublicKey()))
	})
	t.Run("whatever is changed breaks it", func(t *testing.T) {
		t.Parallel()
		header := func(key, value string) events.Message {
			m := signed
			m.Header = maps.Clone(signed.Header)
			m.Header[key] = value
			return m
		}
		moved, changed, shifted := signed, signed, signed
		moved.Subject = events.RequestedSubject("bakery-8")
		changed.Body = append([]byte(" "), signed.Body...)
		shifted.Subject, shifted.Body = signed.Subject+"x", signed.Body[1:]
		for why, m := range map[string]events.Message{
			"subject":               moved,
			"body":                  changed,
			"the line between them": shifted,
			"key of another":        header(events.HeaderKey, string(other.PublicKey())),
			"no key":                header(events.HeaderKey, ""),
			"no signature":          header(events.HeaderSignature, ""),
			"not base64":            header(events.HeaderSignature, "***"),
			"another signature":     header(events.HeaderSignature, "AAAA"),
			"nothing":               plain,
		} {
			require.ErrorIs(t, events.Verify(m, mine.PublicKey(), other.PublicKey()), events.ErrSignature, why)
		}
	})
	t.Run("a key that is not trusted signs nothing", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, events.Verify(signed, other.PublicKey()), events.ErrSignature)
		require.ErrorIs(t, events.Verify(signed), events.ErrSignature)
		empty := signed
		empty.Header = maps.Clone(signed.Header)
		empty.Header[events.HeaderKey] = ""
		require.ErrorIs(t, events.Verify(empty, ""), events.ErrSignature)
	})
	t.Run("a seed that is none is refused without repeating it", func(t *testing.T) {
		t.Parallel()
		_, err := events.NewSigner([]byte("SUsecret"))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("a key of another kind signs nothing, and nobody can trust it", func(t *testing.T) {
		t.Parallel()
		account, err := nkeys.CreateAccount()
		require.NoError(t, err)
		seed, err := account.Seed()
		require.NoError(t, err)
		_, err = events.NewSigner(seed)
		require.ErrorIs(t, err, nkeys.ErrInvalidSeed)
		key, err := account.PublicKey()
		require.NoError(t, err)
		m := events.Message{Subject: "a", Body: []byte("{}"), Header: map[string]string{events.HeaderKey: key}}
		signature, err := account.Sign([]byte("tenant-deletion/1\na\n{}"))
		require.NoError(t, err)
		m.Header[events.HeaderSignature] = base64.StdEncoding.EncodeToString(signature)
		require.ErrorIs(t, events.Verify(m, events.PublicKey(key)), events.ErrSignature)
	})
	t.Run("a public key signs nothing", func(t *testing.T) {
		t.Parallel()
		_, err := events.NewSigner([]byte(mine.PublicKey()))
		require.ErrorIs(t, err, nkeys.ErrInvalidSeed)
	})
}
