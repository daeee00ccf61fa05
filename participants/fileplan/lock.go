package fileplan

import (
	"context"
	"errors"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

const lockSuffix = ".lock" // beside the tenant's entry, whose id has no dot

// Limits of the wait for another erasure of the same tenant: what sqlplan gives a writer in flight, then the delivery is
// tried again.
const (
	lockWaitMax   = 3 * time.Second
	lockPollDelay = 10 * time.Millisecond
)

// errTaken is transient: another erasure has the tenant.
var errTaken = errors.New("fileplan: another erasure has the tenant's files")

// lock takes the tenant's files, across processes: a job and an erasure outside of it may meet, and each file must be counted
// by one of them. The lock ends with the process, however it ends.
func (p *Plan) lock(ctx context.Context, tenant events.TenantID) (unlock func() error, err error) {
	if err := p.root.MkdirAll(erasingFolder, 0o700); err != nil {
		return nil, bare("make folder", err)
	}
	f, err := p.root.OpenFile(path.Join(erasingFolder, string(tenant)+lockSuffix), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, bare("open lock", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockWaitMax, errTaken)
	defer cancel()
	poll := time.NewTicker(lockPollDelay)
	defer poll.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(bare("take lock", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-poll.C:
		}
	}
}
