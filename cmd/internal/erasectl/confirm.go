package erasectl

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// confirmation guards what cannot be taken back: a person types the name of what goes, a script says it with --confirm.
type confirmation struct {
	given string
	// what says whose name must be typed, for example the tenant id.
	what string
	// changed reports whether --confirm was given, be it empty.
	changed func() bool
}

func addConfirm(c *cobra.Command, what string) *confirmation {
	guard := &confirmation{what: what}
	c.Flags().StringVar(&guard.given, "confirm", "", "instead of the question: "+what+" once more")
	guard.changed = func() bool { return c.Flags().Changed("confirm") }
	return guard
}

// check refuses early what ask would refuse: a wrong --confirm, or a question that nobody can answer.
func (g *confirmation) check(k *console, want string) error {
	switch {
	case g.changed() && g.given != want:
		return app.Usage("--confirm: is not %s; nothing was sent", g.what)
	case !g.changed() && !k.terminal(k.in):
		return app.Usage("not confirmed: standard input is no terminal; say --confirm %s; nothing was sent", want)
	}
	return nil
}

// ask lets a person type the name, unless --confirm said it.
func (g *confirmation) ask(ctx context.Context, k *console, want, question string) error {
	if err := g.check(k, want); err != nil || g.changed() {
		return err
	}
	_, _ = fmt.Fprintf(k.err, "%s Type %s to confirm: ", app.OneLine(question), g.what)
	typed, err := k.typed(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("not confirmed: %w; nothing was sent", context.Cause(ctx))
	}
	if err != nil || typed != want {
		return app.Usage("not confirmed: that is not %s; nothing was sent", g.what)
	}
	return nil
}

// typed is what a person types behind a question.
func (k *console) typed(ctx context.Context) (string, error) {
	if k.lines == nil {
		k.lines = bufio.NewReader(io.LimitReader(k.in, lineBytesMax))
	}
	text, err := readLine(ctx, k.lines)
	if err != nil {
		_, _ = fmt.Fprintln(k.err) // the cursor stands behind the question
	}
	return text, err
}

// lineBytesMax bounds what is read for all answers: the longest name there is, many times.
const lineBytesMax = 4 << 10

// readLine gives up with ctx. Its reader is left behind then, and ends with the process.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := in.ReadString('\n')
		answered <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
