package events

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nkeys"
)

// ErrSignature is matched when a message is not signed by a trusted key: nothing may be deleted for it.
var ErrSignature = errors.New("signature")

// Signer signs what the coordinator sends (Ed25519, nkeys form), so that a participant can tell a command from a
// forgery even when a stranger could write to the stream.
type Signer struct{ pair nkeys.KeyPair }

// PublicKey is the public half of a signing key, in nkeys form (U...). It is no secret.
type PublicKey string

// keyKind begins every public key: one kind only, so that other languages have one to read.
const keyKind = 'U'

// NewSigner makes a signer from an nkeys user seed (SU...).
func NewSigner(seed []byte) (*Signer, error) {
	kind, _, err := nkeys.DecodeSeed(seed)
	if err == nil && kind != nkeys.PrefixByteUser {
		err = nkeys.ErrInvalidSeed
	}
	if err != nil {
		return nil, fmt.Errorf("events: signing seed: %w", err)
	}
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("events: signing seed: %w", err)
	}
	return &Signer{pair: pair}, nil
}

// NewSeed makes a new signing seed. Keep it secret and outside the repository.
func NewSeed() ([]byte, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("events: new signing seed: %w", err)
	}
	return pair.Seed()
}

// PublicKey is what participants trust.
func (s *Signer) PublicKey() PublicKey {
	public, err := s.pair.PublicKey()
	if err != nil { // a key pair made from a seed always has one
		panic(err)
	}
	return PublicKey(public)
}

// Sign returns the message with its signature headers. The signature covers subject and body, so neither can be moved.
func (s *Signer) Sign(m Message) (Message, error) {
	signature, err := s.pair.Sign(signedBytes(m))
	if err != nil {
		return Message{}, fmt.Errorf("events: sign: %w", err)
	}
	header := maps.Clone(m.Header)
	if header == nil {
		header = map[string]string{}
	}
	header[HeaderSignature] = base64.StdEncoding.EncodeToString(signature)
	header[HeaderKey] = string(s.PublicKey())
	m.Header = header
	return m, nil
}

// Verify checks that one of the trusted keys signed the message. Two keys are trusted while one replaces the other.
func Verify(m Message, trusted ...PublicKey) error {
	signature, err := base64.StdEncoding.DecodeString(m.Header[HeaderSignature])
	if err != nil || len(signature) == 0 {
		return fmt.Errorf("%w: missing or not base64", ErrSignature)
	}
	for _, key := range trusted {
		if m.Header[HeaderKey] != string(key) {
			continue
		}
		public, err := nkeys.FromPublicKey(string(key))
		if err != nil || key[0] != keyKind {
			return fmt.Errorf("%w: a trusted key is not an nkeys public key", ErrSignature)
		}
		if public.Verify(signedBytes(m), signature) != nil {
			return fmt.Errorf("%w: does not match subject and body", ErrSignature)
		}
		return nil
	}
	return fmt.Errorf("%w: not made by a trusted key", ErrSignature)
}

// signedBytes keeps subject and body apart by a line break, which a subject cannot hold.
func signedBytes(m Message) []byte {
	const domain = "tenant-deletion/1\n"
	out := make([]byte, 0, len(domain)+len(m.Subject)+1+len(m.Body))
	out = append(out, domain...)
	out = append(out, m.Subject...)
	out = append(out, '\n')
	return append(out, m.Body...)
}
