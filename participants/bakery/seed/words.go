package seed

import "strconv"

// code numbers the rows of a table, so it is unique for a tenant.
func code(prefix string) writer {
	return func(b []byte, _ *random, r row) []byte { return appendPadded(append(b, prefix...), r.i+1, 6) }
}

// numbered picks one of so many.
func numbered(prefix string, among int) writer {
	return func(b []byte, x *random, _ row) []byte {
		return appendPadded(append(b, prefix...), 1+x.below(among), 4)
	}
}

// text is words up to a length between low and high.
func text(low, high int) writer {
	return func(b []byte, x *random, _ row) []byte {
		end := len(b) + low + x.below(high-low)
		for {
			b = append(b, pick(words, x)...)
			if len(b) >= end {
				return b
			}
			b = append(b, ' ')
		}
	}
}

// object is a JSON object of so many members, 25 to 60 bytes each.
func object(members int) writer {
	return func(b []byte, x *random, r row) []byte {
		b = append(b, '{')
		for i := range members {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(b, '"')
			b = append(b, keys[(i+r.i)%len(keys)]...)
			b = append(b, `": `...)
			if i%2 == 0 {
				b = strconv.AppendInt(b, int64(x.below(1_000_000)), 10)
				continue
			}
			b = append(b, '"')
			b = text(12, 36)(b, x, r)
			b = append(b, '"')
		}
		return append(b, '}')
	}
}

func hex(digits int) writer {
	return func(b []byte, x *random, _ row) []byte {
		for range digits {
			b = append(b, "0123456789abcdef"[x.below(16)])
		}
		return b
	}
}

func person(b []byte, x *random, _ row) []byte {
	b = append(b, pick(givenNames, x)...)
	b = append(b, ' ')
	b = append(b, pick(familyNames, x)...)
	b = append(b, ' ')
	return append(b, pick(familyNames, x)...)
}

// email is unique for a tenant by the number of its row.
func email(b []byte, x *random, r row) []byte {
	b = append(b, pick(givenNames, x)...)
	b = append(b, '.')
	b = append(b, pick(familyNames, x)...)
	b = strconv.AppendInt(b, int64(r.i+1), 10)
	return append(b, "@example.com"...)
}

func phone(b []byte, x *random, _ row) []byte {
	return appendPadded(append(b, "+34 600 "...), x.below(1_000_000), 6)
}

func company(b []byte, x *random, r row) []byte {
	b = append(b, "Panaderia "...)
	b = append(b, pick(familyNames, x)...)
	b = append(b, " e Hijos "...)
	return strconv.AppendInt(b, int64(r.i+1), 10)
}

func product(b []byte, x *random, _ row) []byte {
	b = append(b, pick(kinds, x)...)
	b = append(b, ' ')
	return append(b, pick(goods, x)...)
}

func street(b []byte, x *random, _ row) []byte {
	b = append(b, pick(roads, x)...)
	b = append(b, ' ')
	return strconv.AppendInt(b, int64(1+x.below(180)), 10)
}

// slug ends in the end of the tenant's id, so tenants differ.
func slug(b []byte, _ *random, r row) []byte {
	return append(append(b, "bakery-"...), r.owner.id[len(r.owner.id)-8:]...)
}

func isShared(b []byte, _ *random, r row) []byte { return strconv.AppendBool(b, r.owner.id == "") }

func pick(list []string, x *random) string { return list[x.below(len(list))] }
