// Package fileplan deletes a tenant's folder of files: the Eraser of services that keep artifacts beside their tables.
//
// # Usage
//
// New takes the root folder and where a tenant's folder lies below it; the result is one of participants.Service's Others.
//
// # Guarantees
//
// Nothing outside the tenant's folder is touched: every path is resolved below the root (os.Root), the tenant id is exactly
// one path element, and a symbolic link or a file where a folder of the path should be is refused. Links inside the folder
// are removed, never followed. The folder is first moved aside in one atomic rename, then counted, then the count is
// made durable, and only then is anything deleted: after a crash at any point the next call adds the same count. A
// symbolic link counts as one file; folders do not count. Erasures of one tenant wait for each other, across processes: what an
// interrupted one left behind is taken over by the next, and each counts what it deleted itself.
//
// # Not guaranteed
//
// A file that a writer creates through a folder it had opened before the rename is deleted, but not counted. A crash in the
// moment in which a job takes over from an interrupted one may count what was left for both. Two tenant ids that differ only
// in case need a file system that tells them apart. The tenant's entry and its lock under the .erasing folder stay as a
// tombstone: they hold job ids and numbers, nothing of the files. The file system needs hard links and flock.
//
// # Shutdown
//
// Erase stops between entries when its context ends; the next call goes on.
//
// # Testing
//
// The tests stop an erasure after every step and hold the counts against an erasure that was not stopped.
package fileplan
