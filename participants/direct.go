package participants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// GenerationNone is the generation of an erasure outside of any job: it deletes the tenant's present life, is never stale, and
// leaves the generation of the last job as it is. No command on the bus may have it.
const GenerationNone = 0

// keyBytesMax bounds the key of a direct erasure: an idempotency key of any usual kind fits.
const keyBytesMax = 256

// EraseTenant deletes the tenant outside of any job, for a service that is asked directly; whoever calls it has verified the
// caller. It is safe to call again: the same key answers with the stored receipt, a fresh key deletes what is there by then.
// Permanent and transient errors are told apart as in Erase. Jobs before and after it work as if it had not been.
func (r *Runner) EraseTenant(ctx context.Context, tenant events.TenantID, key string) (*events.Result, error) {
	if key == "" || len(key) > keyBytesMax {
		return nil, fmt.Errorf("participants: erase tenant: %w: key: must be 1 to %d bytes", events.ErrInvalid, keyBytesMax)
	}
	name := r.service.Name
	job := directJobID(name, tenant, key)
	return r.Erase(ctx, &events.Command{JobID: job, TenantID: tenant, Generation: GenerationNone, Attempt: 1,
		Participants: []events.Participant{name}}, events.EventIDFor(job, events.TypeRequested, name, 0, 1))
}

// directJobID is what a direct erasure's receipt is stored under: a UUID of version 8 (RFC 9562: of our own making), which no
// job of a coordinator has. Neither a name nor a tenant id can hold the separator.
func directJobID(name events.Participant, tenant events.TenantID, key string) events.JobID {
	sum := sha256.Sum256([]byte(string(name) + "\x00" + string(tenant) + "\x00" + key))
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	text := hex.EncodeToString(id)
	return events.JobID(text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:])
}
