package app

import (
	"os"
	"runtime/debug"
)

// memoryLimit keeps a process under 80 MB of resident memory while it deletes or coordinates: the runtime collects
// harder before it grows beyond this. GOMEMLIMIT in the environment wins.
const memoryLimit = 48 << 20

// limitMemory is for processes that do one thing; the Platform is left alone.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
