package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// keyring keeps the issuer's keys. Whoever needs them newer reads them while he waits; nothing runs by itself.
type keyring struct {
	cfg   Config
	fetch func(ctx context.Context) ([]byte, error)

	mu      sync.Mutex
	keys    *keySet       // the newest that could be read; nil before the first
	read    time.Time     // when
	tried   time.Time     // when it was last tried
	failure error         // of the last try
	reading chan struct{} // closed when the reading that is under way is over; nil when none is
}

func newKeyring(cfg Config) *keyring {
	k := &keyring{cfg: cfg, fetch: readFile(cfg.JWKSFile)}
	if cfg.JWKSURL != "" {
		k.fetch = get(cfg.JWKSURL)
	}
	return k
}

// keysError says that there is no answer from where the keys are. It is an ErrUnavailable.
type keysError struct{ cause error }

func (e *keysError) Error() string { return "the issuer's keys cannot be read: " + e.cause.Error() }

// Unwrap makes it an ErrUnavailable.
func (e *keysError) Unwrap() []error { return []error{httpapi.ErrUnavailable, e.cause} }

// current are the keys that count now. They are read again when it is time: by one request, while the others go on with what
// is known.
func (k *keyring) current(ctx context.Context) (*keySet, error) {
	k.mu.Lock()
	keys, stale := k.keys, k.keys == nil || k.age() >= k.cfg.RefreshInterval
	underway := k.reading != nil
	k.mu.Unlock()
	if stale && (keys == nil || !underway) {
		k.refresh(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || k.age() >= k.cfg.KeysAgeMax {
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
	if !keys.has(kid) {
		k.refresh(ctx)
		if keys, err = k.current(ctx); err != nil {
			return nil, err
		}
	}
	if keys.has(kid) {
		return keys.key(kid, alg)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure != nil || ctx.Err() != nil { // nobody knows whether the issuer has it
		return nil, &keysError{k.why(ctx)}
	}
	return nil, refused("its key is not the issuer's")
}

// refresh reads the keys again, unless that was tried within the interval. Requests at once share one reading. It goes on when
// the request that began it is given up: whoever sends a token and hangs up must not keep others from new keys.
func (k *keyring) refresh(ctx context.Context) {
	k.mu.Lock()
	if reading := k.reading; reading != nil {
		k.mu.Unlock()
		select {
		case <-reading:
		case <-ctx.Done():
		}
		return
	}
	if !k.tried.IsZero() && k.cfg.Clock().Sub(k.tried) < k.cfg.RetryInterval {
		k.mu.Unlock()
		return
	}
	k.tried, k.reading = k.cfg.Clock(), make(chan struct{})
	k.mu.Unlock()

	keys, err := (*keySet)(nil), errors.New("the reading did not come to its end")
	defer func() { k.finish(keys, err) }() // also when a strange key makes its parser panic
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	keys, err = k.readSet(ctx)
}

// finish keeps what a reading brought, and lets those go on who wait for it.
func (k *keyring) finish(keys *keySet, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure = err; err == nil {
		k.keys, k.read = keys, k.tried
	}
	close(k.reading)
	k.reading = nil
}

// readSet reads and parses the set. A failure is logged here and nowhere else: requests go on with the keys that are known.
func (k *keyring) readSet(ctx context.Context) (*keySet, error) {
	body, err := k.fetch(ctx)
	if err != nil {
		k.cfg.Logger.Warn().Err(err).Str("kind", "keys").Msg("the issuer's keys could not be read, the known ones count")
		return nil, err
	}
	keys, err := parseKeys(body)
	if err != nil {
		k.cfg.Logger.Warn().Err(err).Str("kind", "keys").Msg("the issuer's keys could not be read, the known ones count")
		return nil, err
	}
	k.cfg.Logger.Debug().Str("kind", "keys").Int("usable", len(keys.ids)).Int("ignored", keys.ignored).Msg("read the issuer's keys")
	return keys, nil
}

// age is how long ago the keys were read. The lock is held.
func (k *keyring) age() time.Duration { return k.cfg.Clock().Sub(k.read) }

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
