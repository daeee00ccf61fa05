// Package httpapi is the coordinator's HTTP API, version 1.
package httpapi
