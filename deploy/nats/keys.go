package natsdeploy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"
)

// Folders of keys. Seeds are secret and go to those who use them; public keys go into the server's configuration.
const (
	seedsFolder  = "seeds"
	publicFolder = "public"
)

// SeedFile is the file of a user's seed in a folder of keys.
func SeedFile(dir, user string) string { return filepath.Join(dir, seedsFolder, user+".seed") }

func nextSeedFile(dir, user string) string { return filepath.Join(dir, seedsFolder, user+".next.seed") }

func publicFile(dir, user string) string { return filepath.Join(dir, publicFolder, user+".pub") }

// Errors of a rotation.
var (
	ErrRotating    = errors.New("has two keys already: retire the old one first")
	ErrNotRotating = errors.New("has no second key")
)

// MakeKeys makes the keys of users that have none and returns their names. It is safe to call again: a key that is there stays.
func MakeKeys(dir string, users []string) (made []string, err error) {
	for folder, mode := range map[string]fs.FileMode{seedsFolder: 0o700, publicFolder: 0o755} {
		if err := os.MkdirAll(filepath.Join(dir, folder), mode); err != nil {
			return nil, fmt.Errorf("natsdeploy: make keys: %w", err)
		}
	}
	for _, user := range users {
		if _, err := os.Stat(publicFile(dir, user)); err == nil {
			continue
		}
		public, err := newSeed(SeedFile(dir, user))
		if err == nil {
			err = writePublic(dir, user, []string{public})
		}
		if err != nil {
			return made, fmt.Errorf("natsdeploy: make key of %s: %w", user, err)
		}
		made = append(made, user)
	}
	return made, nil
}

// AddKey gives a user a second key, beside the one it has, and returns the file of its seed: both are valid until RetireKey.
func AddKey(dir, user string) (seedFile string, err error) {
	keys, err := readPublic(dir, user)
	if err != nil {
		return "", err
	}
	if len(keys) == keysMax {
		return "", fmt.Errorf("natsdeploy: %s %w", user, ErrRotating)
	}
	public, err := newSeed(nextSeedFile(dir, user))
	if err == nil {
		err = writePublic(dir, user, append(keys, public))
	}
	if err != nil {
		return "", fmt.Errorf("natsdeploy: add key of %s: %w", user, err)
	}
	return nextSeedFile(dir, user), nil
}

// RetireKey ends the old key of a user that has two; the new one's seed takes the name of the old one's.
func RetireKey(dir, user string) error {
	keys, err := readPublic(dir, user)
	if err != nil {
		return err
	}
	if len(keys) < keysMax {
		return fmt.Errorf("natsdeploy: %s %w", user, ErrNotRotating)
	}
	err = writePublic(dir, user, keys[1:])
	if moved := os.Rename(nextSeedFile(dir, user), SeedFile(dir, user)); err == nil && !errors.Is(moved, fs.ErrNotExist) {
		err = moved // where seeds are not kept together, there is none to move
	}
	if err != nil {
		return fmt.Errorf("natsdeploy: retire key of %s: %w", user, err)
	}
	return nil
}

// ReadAccess is the access of the users whose public keys are in the folder: who has a key is on the broker.
func ReadAccess(dir string) (Access, error) {
	entries, err := os.ReadDir(filepath.Join(dir, publicFolder))
	if err != nil {
		return Access{}, fmt.Errorf("natsdeploy: read keys: %w", err)
	}
	keys := map[string][]string{}
	for _, entry := range entries {
		if user, ok := strings.CutSuffix(entry.Name(), ".pub"); ok {
			if keys[user], err = readPublic(dir, user); err != nil {
				return Access{}, err
			}
		}
	}
	a, err := AccessOf(slices.Collect(maps.Keys(keys)))
	a.Keys = keys
	return a, err
}

func readPublic(dir, user string) ([]string, error) {
	text, err := os.ReadFile(publicFile(dir, user))
	if err != nil {
		return nil, fmt.Errorf("natsdeploy: read key of %s: %w", user, err)
	}
	keys := strings.Fields(string(text))
	for _, key := range keys {
		if !nkeys.IsValidPublicUserKey(key) {
			return nil, fmt.Errorf("natsdeploy: read key of %s: %w", user, ErrKeys)
		}
	}
	return keys, nil
}

// newSeed writes a new seed, readable by its owner alone, and returns its public key.
func newSeed(path string) (public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	if err := writeFile(path, append(seed, '\n'), 0o600); err != nil {
		return "", err
	}
	return pair.PublicKey()
}

func writePublic(dir, user string, keys []string) error {
	return writeFile(publicFile(dir, user), []byte(strings.Join(keys, "\n")+"\n"), 0o644)
}

// writeFile replaces a file as a whole: whoever reads it sees the old one or the new one.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".draft-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(content)
	if err := errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
