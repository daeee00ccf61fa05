package app

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()

	t.Run("an error's code survives wrapping and joining", func(t *testing.T) {
		t.Parallel()
		for want, err := range map[int]error{
			ExitFailed:      errors.New("anything"),
			ExitUsage:       fmt.Errorf("above: %w", Usage("--flag: wrong")),
			ExitUnreachable: errors.Join(Unreachable("nobody"), errors.New("and more")),
			ExitTimeout:     Exit(ExitTimeout, "over: %w", errors.New("cause")),
		} {
			require.Equal(t, want, ExitCode(err, &bytes.Buffer{}))
		}
		require.Equal(t, ExitDone, ExitCode(nil, &bytes.Buffer{}))
	})
	t.Run("whatever it says is one line without escapes", func(t *testing.T) {
		t.Parallel()
		var said bytes.Buffer
		ExitCode(errors.Join(errors.New("one\r\n\x1b[2Jtwo"), errors.New("thr\xffee")), &said)
		require.Equal(t, "one [2Jtwo thr?ee\n", said.String())
	})
	t.Run("the table has each code once, in order", func(t *testing.T) {
		t.Parallel()
		for i, row := range ExitTable[:len(ExitTable)-1] {
			require.Equal(t, i, row.Code)
			require.NotEmpty(t, row.Meaning)
		}
	})
}
