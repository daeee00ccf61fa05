// Package pglocal runs a private PostgreSQL server for development, demonstrations and tests, from binaries that are on
// the machine, or after installing them when it may.
//
// # Usage
//
// Start(ctx, Config{}) makes a server that is gone without a trace after Stop; Config.DataDir keeps its data. DSN gives
// the superuser's connection string for a database, valid for every process and user of this machine that knows it.
//
// # Guarantees
//
// The server listens on 127.0.0.1 alone and asks for a random password (scram-sha-256). It ends with the process that
// started it, however that process ends, kill -9 included. As root it runs under the account postgres, or nobody. A data
// directory is used by one process at a time; a second is told ErrInUse.
//
// # Not guaranteed
//
// Without Config.Durable nothing survives a crash of the machine, and the newest commits do not survive Kill. Linux and
// macOS only.
//
// # Shutdown
//
// Stop ends the server and waits; what is connected is disconnected. Kill is a crash: Restart recovers from it, on the same
// port.
//
// # Testing
//
// Tests use pgtest, which shares one server per test binary. A test binary that looks for leaked goroutines ignores
// pglocal.(*process).watch, the goroutine that waits for the server.
package pglocal
