package bus

import "strings"

// match reports whether a subject is matched by a pattern: * stands for one token, > for the rest, at least one.
func match(pattern, subject string) bool {
	for {
		want, patternRest, patternMore := strings.Cut(pattern, ".")
		if want == ">" {
			return subject != ""
		}
		have, subjectRest, subjectMore := strings.Cut(subject, ".")
		if want != "*" && want != have || have == "" {
			return false
		}
		if !patternMore || !subjectMore {
			return patternMore == subjectMore
		}
		pattern, subject = patternRest, subjectRest
	}
}

func matchAny(patterns []string, subject string) bool {
	for _, pattern := range patterns {
		if match(pattern, subject) {
			return true
		}
	}
	return false
}
