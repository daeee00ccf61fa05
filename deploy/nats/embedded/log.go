package embedded

import (
	"fmt"

	"github.com/rs/zerolog"
)

// natsLogger writes the server's lines to zerolog. A fatal line ends no process: the first one is kept for Start to return.
type natsLogger struct {
	log   zerolog.Logger
	fatal chan string
}

func (l natsLogger) Noticef(format string, v ...any) { l.log.Debug().Msgf(format, v...) }
func (l natsLogger) Warnf(format string, v ...any)   { l.log.Warn().Msgf(format, v...) }
func (l natsLogger) Errorf(format string, v ...any)  { l.log.Error().Msgf(format, v...) }
func (l natsLogger) Debugf(format string, v ...any)  { l.log.Trace().Msgf(format, v...) }
func (l natsLogger) Tracef(format string, v ...any)  { l.log.Trace().Msgf(format, v...) }

func (l natsLogger) Fatalf(format string, v ...any) {
	l.log.Error().Msgf(format, v...)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
