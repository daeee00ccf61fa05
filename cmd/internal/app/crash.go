package app

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// crashVariable is the test aid that package documentation describes.
const crashVariable = "TD_CRASH"

// crasher kills the process at a point. Nil never does.
type crasher struct {
	point string
	left  atomic.Int64
	kill  func()
}

// newCrasher reads <point>[:n]; an empty setting makes a nil crasher.
func newCrasher(setting string) (*crasher, error) {
	if setting == "" {
		return nil, nil
	}
	point, count, counted := strings.Cut(setting, ":")
	n := int64(1)
	if counted {
		var err error
		if n, err = strconv.ParseInt(count, 10, 32); err != nil || n < 1 {
			return nil, fmt.Errorf("app: %s: %q is not <point>[:n] with n of 1 or more", crashVariable, setting)
		}
	}
	c := &crasher{point: point, kill: killSelf}
	c.left.Store(n)
	return c, nil
}

// reached counts one arrival and dies at the last one that was asked for.
func (c *crasher) reached(point string) {
	if c == nil || c.point != point {
		return
	}
	if c.left.Add(-1) == 0 {
		c.kill()
	}
}

// killSelf does what a crash does: nothing is flushed, no deferred call runs.
func killSelf() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way; nothing may run behind the point
}
