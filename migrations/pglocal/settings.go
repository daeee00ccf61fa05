package pglocal

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
)

// sharedMemoryMin is the size of /dev/shm under which parallel queries run out of it: Docker gives 64 MB.
const sharedMemoryMin = 256 << 20

// settings are the server's arguments. They are not written into its configuration file, so the next start may differ.
func settings(cfg Config, h *home, port int) []string {
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "", // a path would have to be short, and reachable by every user
		"max_connections":         "300",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"lc_messages":             "C", // readyLine is English
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_min_error_statement": "panic", // no statement in a log: it may hold rows
		"log_error_verbosity":     "terse", // nor a DETAIL line, which shows keys
	}
	if cfg.Durable {
		maps.Copy(all, durableSettings(h))
	} else {
		maps.Copy(all, fastSettings)
	}
	if _, err := os.Stat(memoryDir); err == nil && freeBytes(memoryDir) < sharedMemoryMin {
		all["dynamic_shared_memory_type"] = "mmap"
	}
	maps.Copy(all, cfg.ExtraSettings)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", name+"="+all[name])
	}
	return args
}

// fastSettings give up every promise about crashes: the data is thrown away anyway.
var fastSettings = map[string]string{
	"fsync":                     "off",
	"full_page_writes":          "off",
	"max_locks_per_transaction": "256", // one transaction may touch all tables of all services
	"max_wal_senders":           "0",
	"max_wal_size":              "256MB", // it is memory
	"shared_buffers":            "128MB",
	"synchronous_commit":        "off",
	"wal_level":                 "minimal",
}

// durableSettings keep every promise and make large deletes cheaper: compressing page images halves what they write.
func durableSettings(h *home) map[string]string {
	return map[string]string{
		"max_locks_per_transaction": "256",
		"max_wal_size":              "4GB",
		"shared_buffers":            "256MB",
		"wal_compression":           h.walCompression(),
	}
}

// walCompression is lz4, which costs nothing that can be measured, where the server was built with it.
func (h *home) walCompression() string {
	cmd := h.command(context.Background(), "postgres", "-D", h.data(), "-c", "wal_compression=lz4", "-C", "wal_compression")
	if _, err := output(cmd); err != nil {
		return "on"
	}
	return "lz4"
}
