// Package erasectl is the command line of cmd/erasectl.
//
// # Usage
//
// erasectl demo runs the demonstration and ends; erasectl dev runs the whole platform until it is interrupted.
//
// # Guarantees
//
// The demonstration exits with 0 only when the erasure was proven. What was generated and deleted stays in the data folder
// from one run to the next.
package erasectl
