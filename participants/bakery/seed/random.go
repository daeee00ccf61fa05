package seed

import "math/bits"

// random is splitmix64: a handful of instructions to start from any 64 bits, so each cell of each row has its own sequence
// and can be made again from its place alone.
type random uint64

// golden is the increment of splitmix64 (Steele, Lea, Flood 2014): 2^64 divided by the golden ratio.
const golden = 0x9e3779b97f4a7c15

func (r *random) next() uint64 {
	*r += golden
	return mix(uint64(*r))
}

// below is uniform in [0, n) up to a bias of n/2^64.
func (r *random) below(n int) int {
	if n <= 1 {
		return 0
	}
	high, _ := bits.Mul64(r.next(), uint64(n))
	return int(high) //nolint:gosec // less than n
}

// oneIn is true once in n times.
func (r *random) oneIn(n int) bool { return r.below(n) == 0 }

func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// hash is FNV-1a, finished by mix: table and tenant names as starting points.
func hash(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}
