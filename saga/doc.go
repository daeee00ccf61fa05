// Package saga is the coordinator's pure core: what a deletion job is and how it moves.
package saga
