// Package httpapi is the coordinator's HTTP API, version 1, and the platform's own routes.
//
// # Usage
//
// New takes an Authoriser and a Config with the parts that this process has: the coordinator serves jobs, previews, replays,
// dead letters and the roster; a participant serves its own routes alone. A part that is nil is not mounted. The API is an
// http.Handler; Document is its OpenAPI description, of which openapi.yaml is the copy that people read and diff.
//
// # Guarantees
//
// No operation is served without asking the Authoriser, with the id it has in the document and with its rule, of which there is
// one for each; only /livez, /readyz and the document itself are open. What a request is about (a tenant, a job's tenant) is
// found out by the API and not by whoever decides. Whatever is sent is bounded and read strictly: a key or a parameter that is
// not known, that stands twice, or that is spelt differently is refused by name of the field, and nothing that was sent is ever
// repeated in an answer. With Config.Audit every operation that is not a GET is recorded before it is done, and refused when it
// cannot be. Errors are problem documents (RFC 9457) with a stable code; their cause goes to the log, once. An action on a job
// says which version of it was seen. A live stream tells every entry of a job's history exactly once, also across
// reconnections.
//
// # Not guaranteed
//
// Progress in a live stream: it is not stored, and a slow reader misses some. That a page token lives longer than the version
// of this package that made it. Field overdue is of the time of the answer; the ETag does not change with it.
//
// # Shutdown
//
// EndStreams ends the live streams, which would otherwise hold http.Server.Shutdown up until their jobs end; give it to
// RegisterOnShutdown. Nothing else runs between requests.
//
// # Testing
//
// Every documented answer of every operation is produced by a test and held against the document. go test ./saga/httpapi
// -update rewrites openapi.yaml, and a person reads the diff; scripts/lint-openapi.sh lints it.
package httpapi
