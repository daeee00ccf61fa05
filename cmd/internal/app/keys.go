package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/bakery-ia/tenant-deletion/events"
)

// LoadSigner reads a signing seed. A file that others may read is refused: whoever has the seed can delete any tenant.
func LoadSigner(path string) (*events.Signer, error) {
	seed, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("signing seed: %w", err)
	}
	return events.NewSigner(bytes.TrimSpace(seed))
}

// private refuses a secret that others may use.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may use %s: chmod 600 it", path)
	}
	if !info.Mode().IsRegular() {
		return errors.New("no file")
	}
	return nil
}

// readPrivate reads a secret that nobody else may use.
func readPrivate(path string) ([]byte, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// loadOrMakeSigner makes the seed at the first start.
func loadOrMakeSigner(path string) (*events.Signer, error) {
	signer, err := LoadSigner(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return signer, err
	}
	seed, err := events.NewSeed()
	if err != nil {
		return nil, err
	}
	if err := keepOnce(path, append(seed, '\n')); err != nil {
		return nil, fmt.Errorf("signing seed: %w", err)
	}
	return LoadSigner(path)
}

// keepOnce keeps a secret in a file of its owner's alone. It is complete before it has its name, and of two processes that start
// at once, both use the one that was first.
func keepOnce(path string, secret []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(secret)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// parseKeys reads trusted public keys, separated by commas.
func parseKeys(list string) ([]events.PublicKey, error) {
	var keys []events.PublicKey
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !nkeys.IsValidPublicUserKey(text) {
			return nil, fmt.Errorf("trusted key %d: not a public key in nkeys form (U...)", len(keys)+1)
		}
		keys = append(keys, events.PublicKey(text))
	}
	if len(keys) == 0 {
		return nil, errors.New("trusted keys: missing: at least the coordinator's public key")
	}
	return keys, nil
}
