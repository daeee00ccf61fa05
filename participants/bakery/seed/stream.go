package seed

import "io"

const null = `\N`

// streamBytes is about how much is rendered ahead: the size of pgconn's own COPY buffer.
const streamBytes = 64 << 10

// stream renders a table's rows for COPY while they are sent, so that memory does not grow with the volume. The owners take
// turns row by row.
type stream struct {
	table   *table
	owners  []*owner
	each    int // rows of each owner
	next    int // row of the stream that is rendered next
	buffer  []byte
	pending []byte // of the buffer, not read yet
}

var _ io.Reader = (*stream)(nil)

func (s *stream) Read(p []byte) (int, error) {
	if len(s.pending) == 0 {
		s.render()
	}
	if len(s.pending) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

func (s *stream) render() {
	b := s.buffer[:0]
	for ; s.next < s.each*len(s.owners) && len(b) < streamBytes; s.next++ {
		r := row{owner: s.owners[s.next%len(s.owners)], i: s.next / len(s.owners), n: s.each}
		for i, c := range s.table.columns {
			if i > 0 {
				b = append(b, '\t')
			}
			b = c.cell(b, r)
		}
		b = append(b, '\n')
	}
	s.buffer, s.pending = b, b
}
