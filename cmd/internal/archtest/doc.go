// Package archtest holds the plan of the house as tests: who may import whom and why not (plan_test.go), how large a file
// may be, what every package says about itself, and which words we do not use.
package archtest
