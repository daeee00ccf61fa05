package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// keyring keeps the issuer's keys. Requests begin a reading when they need one, and wait for it only when they cannot do without.
type keyring struct {
	cfg   Config
	fetch func(ctx context.Context) ([]byte, error)

	life    context.Context // of readings
	end     context.CancelFunc
	readers sync.WaitGroup

	mu      sync.Mutex
	keys    *keySet       // the newest that could be read; nil before the first
	read    time.Time     // when its reading began
	tried   time.Time     // when the newest reading began
	failure error         // of the newest reading
	reading chan struct{} // closed when the reading that is under way is over; nil when none is
}

func newKeyring(cfg Config) *keyring {
	k := &keyring{cfg: cfg, fetch: readFile(cfg.JWKSFile)}
	if cfg.JWKSURL != "" {
		k.fetch = get(cfg.JWKSURL)
	}
	k.life, k.end = context.WithCancel(context.Background())
	return k
}

// close ends a reading that is under way, and waits for it.
func (k *keyring) close() {
	k.mu.Lock()
	k.end()
	k.mu.Unlock()
	k.readers.Wait()
}

// keysError says that there is no answer from where the keys are. It is an ErrUnavailable.
type keysError struct{ cause error }

func (e *keysError) Error() string { return "the issuer's keys cannot be read: " + e.cause.Error() }

// Unwrap makes it an ErrUnavailable.
func (e *keysError) Unwrap() []error { return []error{httpapi.ErrUnavailable, e.cause} }

// current are the keys that count now. When it is time they are read again; an issuer that does not answer holds nobody up for
// longer than a moment while keys are known.
func (k *keyring) current(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || k.age() >= k.cfg.RefreshInterval {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if k.usable() {
			wait, cancel = context.WithTimeout(ctx, staleWait)
		}
		k.await(wait, k.refresh())
		cancel()
	}
	if !k.usable() {
		return nil, &keysError{k.why(ctx)}
	}
	return k.keys, nil
}

// find is the key of an id for an algorithm. One that is not known is looked for at the issuer, as often as the interval
// lets it.
func (k *keyring) find(ctx context.Context, kid, alg string) (any, error) {
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	if keys.has(kid) {
		return keys.key(kid, alg)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.await(ctx, k.refresh())
	switch {
	case k.keys.has(kid):
		return k.keys.key(kid, alg)
	case k.failure != nil || ctx.Err() != nil: // nobody knows whether the issuer has it
		return nil, &keysError{k.why(ctx)}
	}
	return nil, refused("its key is not the issuer's")
}

// refresh begins a reading, unless one began within the interval. It returns what is closed when the reading that is under way
// is over; nil when none is. A reading belongs to no request: whoever sends a token and hangs up must not keep others from new
// keys. The lock is held.
func (k *keyring) refresh() <-chan struct{} {
	now := k.cfg.Clock()
	if k.reading != nil || k.life.Err() != nil || !k.tried.IsZero() && now.Sub(k.tried) < k.cfg.RetryInterval {
		return k.reading
	}
	k.tried, k.reading = now, make(chan struct{})
	k.readers.Go(func() {
		keys, err := k.readSet()
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.failure = err; err == nil {
			k.keys, k.read = keys, now
		}
		close(k.reading)
		k.reading = nil
	})
	return k.reading
}

// await waits for a reading, without the lock that is held.
func (k *keyring) await(ctx context.Context, reading <-chan struct{}) {
	if reading == nil {
		return
	}
	k.mu.Unlock()
	defer k.mu.Lock()
	select {
	case <-reading:
	case <-ctx.Done():
	}
}

// readSet reads and parses the set. A failure is logged here and nowhere else: requests go on with the keys that are known.
func (k *keyring) readSet() (keys *keySet, err error) {
	defer func() {
		if cause := recover(); cause != nil { // a strange key must not end the process
			keys, err = nil, errors.New("the set cannot be parsed")
		}
		if err != nil {
			k.cfg.Logger.Warn().Err(err).Str("kind", "keys").Msg("the issuer's keys could not be read, the known ones count")
		}
	}()
	ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
	defer cancel()
	body, err := k.fetch(ctx)
	if err != nil {
		return nil, err
	}
	if keys, err = parseKeys(body); err != nil {
		return nil, err
	}
	k.cfg.Logger.Debug().Str("kind", "keys").Int("usable", len(keys.ids)).Int("ignored", keys.ignored).Msg("read the issuer's keys")
	return keys, nil
}

// age is how long ago the keys were read. The lock is held.
func (k *keyring) age() time.Duration { return k.cfg.Clock().Sub(k.read) }

// usable reports whether there are keys that are not too old. The lock is held.
func (k *keyring) usable() bool { return k.keys != nil && k.age() < k.cfg.KeysAgeMax }

// why there are no keys. The lock is held.
func (k *keyring) why(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the wait for them was given up: %w", ctx.Err())
	case k.failure != nil:
		return k.failure
	}
	return errors.New("they are too old")
}
