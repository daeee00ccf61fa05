package seed

import (
	"fmt"
	"strconv"
	"time"
)

// writer appends a column's value in COPY's text form. It never writes a tab, a line break or a backslash.
type writer func(b []byte, x *random, r row) []byte

// nullOneIn is how often a nullable column is empty.
const nullOneIn = 4

// The time that the data tells of. It lies within the months that alerts have partitions for.
var (
	seasonStart = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)
	seasonEnd   = time.Date(2026, time.November, 20, 0, 0, 0, 0, time.UTC)
)

// lagMax is how much later than a row's first moment its others are: finished after started.
const lagMax = 48 * time.Hour

// chooseWriters finds a writer for every column that is not part of a key.
func (cat *catalogue) chooseWriters() error {
	for _, t := range cat.order {
		moments := 0
		for _, c := range t.columns {
			if c == t.tenant || c.identity || c.link != nil {
				continue
			}
			lag := lagMax
			if c.kind == "timestamp with time zone" || c.kind == "date" {
				if moments == 0 {
					lag = 0
				}
				moments++
			}
			if c.write = c.writer(lag); c.write == nil {
				return fmt.Errorf("table %s: column %s: the generator has no words for it", t.name, c.name)
			}
		}
	}
	return nil
}

func (c *column) writer(lag time.Duration) writer {
	if w, named := vocabulary[c.table.name+"."+c.name]; named {
		return w
	}
	if len(c.values) > 0 {
		return oneOf(c.values...)
	}
	if w, named := vocabulary[c.name]; named {
		return w
	}
	switch c.kind {
	case "boolean":
		return mostly
	case "smallint":
		return between(0, 5)
	case "integer":
		return between(1, 480)
	case "bigint":
		return between(1, 100_000)
	case "numeric":
		return decimal(c.precision, c.scale)
	case "timestamp with time zone":
		return moment("2006-01-02 15:04:05.000000Z", lag)
	case "date":
		return moment("2006-01-02", lag)
	case "time without time zone":
		return oneOf("20:00", "21:00", "21:30", "22:00")
	case "uuid":
		return appendUUID
	case "inet":
		return func(b []byte, x *random, _ row) []byte { // TEST-NET-1 of RFC 5737
			return strconv.AppendInt(append(b, "192.0.2."...), int64(x.below(256)), 10)
		}
	}
	return nil
}

func oneOf(values ...string) writer {
	return func(b []byte, x *random, _ row) []byte { return append(b, values[x.below(len(values))]...) }
}

// inTurn gives the first rows these values and later ones any of the last two: a tenant has one owner.
func inTurn(values ...string) writer {
	return func(b []byte, x *random, r row) []byte {
		if r.i < len(values) {
			return append(b, values[r.i]...)
		}
		return append(b, values[len(values)-1-x.below(2)]...)
	}
}

// mostly is true for the first row and nine of ten others.
func mostly(b []byte, x *random, r row) []byte {
	return strconv.AppendBool(b, r.i == 0 || !x.oneIn(10))
}

func between(low, high int) writer {
	return func(b []byte, x *random, _ row) []byte {
		return strconv.AppendInt(b, int64(low+x.below(high-low+1)), 10)
	}
}

// decimal fits numeric(precision, scale): at most 999 before the point, and a fraction of one where there is one digit.
func decimal(precision, scale int) writer {
	whole := min(precision-scale, 3)
	if whole == 1 {
		whole = 0
	}
	return decimalBetween(0, power(whole), scale)
}

// decimalBetween writes low <= value < high with so many digits after the point.
func decimalBetween(low, high, scale int) writer {
	unit := power(scale)
	return func(b []byte, x *random, _ row) []byte {
		n := low*unit + x.below((high-low)*unit)
		if n < 0 {
			b, n = append(b, '-'), -n
		}
		b = strconv.AppendInt(b, int64(n/unit), 10)
		if scale == 0 {
			return b
		}
		return appendPadded(append(b, '.'), n%unit, scale)
	}
}

func power(digits int) int {
	n := 1
	for range digits {
		n *= 10
	}
	return n
}

func appendPadded(b []byte, n, digits int) []byte {
	for limit := power(digits - 1); n < limit && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// moment spreads a table's rows over the season in their order, as a log grows; lag puts it up to that much later.
func moment(layout string, lag time.Duration) writer {
	season := seasonEnd.Sub(seasonStart)
	return func(b []byte, x *random, r row) []byte {
		step := season / time.Duration(r.n)
		at := step*time.Duration(r.i) + time.Duration(x.below(int(step))) + time.Duration(x.below(int(lag)))
		return seasonStart.Add(at).AppendFormat(b, layout)
	}
}

func appendUUID(b []byte, x *random, _ row) []byte {
	high, low := x.next(), x.next()
	for i := range 32 {
		word := high
		if i >= 16 {
			word = low
		}
		digit := word >> (60 - 4*(i%16)) & 15
		switch i {
		case 8, 20:
			b = append(b, '-')
		case 12: // version 4
			b, digit = append(b, '-'), 4
		case 16: // the variant of RFC 9562
			b, digit = append(b, '-'), 8|digit&3
		}
		b = append(b, "0123456789abcdef"[digit])
	}
	return b
}
