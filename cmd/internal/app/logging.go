package app

import (
	"fmt"
	"io"

	"github.com/rs/zerolog"
)

// NewLogger writes JSON lines of at least the level.
func NewLogger(w io.Writer, level string) (zerolog.Logger, error) {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), fmt.Errorf("log level: %q is none of trace, debug, info, warn, error, disabled", level)
	}
	return zerolog.New(w).Level(parsed).With().Timestamp().Logger(), nil
}
