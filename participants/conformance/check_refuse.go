package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// crafted is a message that must not work, and what is wrong with it.
type crafted struct {
	wrong string
	m     events.Message
}

// refuses sends what must be terminated, and demands that nothing followed for the tenant.
func (w *world) refuses(ctx context.Context, tenant events.TenantID, before counts, messages ...crafted) error {
	for _, bad := range messages {
		if err := w.refuse(ctx, bad.m); err != nil {
			return fmt.Errorf("%s: %w", bad.wrong, err)
		}
		if err := w.untouched(ctx, tenant, before); err != nil {
			return fmt.Errorf("%s: %w", bad.wrong, err)
		}
	}
	return nil
}

// refuse sends one message and waits until its delivery is terminated.
func (w *world) refuse(ctx context.Context, m events.Message) error {
	from := w.tap.mark()
	sequence, err := w.send(ctx, m)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
	defer cancel()
	last, err := w.tap.await(limited, from, func(s seen) bool { return s.settles(sequence) })
	tenant := events.TenantID(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	results := w.tap.all(from, func(s seen) bool { return s.kind == kindResult && s.tenant() == tenant })
	switch {
	case len(results) > 0:
		return errors.New("a result was published")
	case err != nil:
		return fmt.Errorf("not terminated within %s%s", w.AnswerTimeout, w.heard(from, sequence))
	case !last.terminates():
		return errors.New("acknowledged instead of terminated: nobody learns of it")
	case last.reason() == "":
		return errors.New("terminated without a reason")
	case strings.ContainsAny(last.reason(), "\r\n") || strings.Contains(last.reason(), string(tenant)):
		return errors.New("the reason of the termination repeats the message, or is longer than a line")
	}
	return nil
}

// victim is a new tenant with a command that must not work once it is spoilt.
func (w *world) victim(ctx context.Context) (*events.Command, counts, error) {
	tenant, before, err := w.seeded(ctx)
	if err != nil {
		return nil, nil, err
	}
	return w.command(tenant), before, nil
}

func unsigned(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	m, err := encode(c)
	if err != nil {
		return "", err
	}
	return "", w.refuses(ctx, c.TenantID, before, crafted{"no signature", m})
}

func forged(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	good, err := w.signed(c)
	if err != nil {
		return "", err
	}
	seed, err := events.NewSeed()
	if err != nil {
		return "", err
	}
	stranger, err := events.NewSigner(seed)
	if err != nil {
		return "", err
	}
	strange, err := stranger.Sign(good)
	if err != nil {
		return "", err
	}
	claimed, err := stranger.Sign(good)
	if err != nil {
		return "", err
	}
	claimed.Header[events.HeaderKey] = string(w.Signer.PublicKey())
	changed := good
	changed.Body = bytes.Replace(good.Body, []byte(c.Reason), []byte("contract_begun"), 1)
	spaced := good
	spaced.Body = append([]byte(" "), good.Body...)
	return "", w.refuses(ctx, c.TenantID, before, crafted{"signed by a stranger", strange},
		crafted{"signed by a stranger who names the trusted key", claimed}, crafted{"changed after it was signed", changed},
		crafted{"white space added after it was signed", spaced})
}

// moved takes a command that is signed for a tenant without rows to the subject of one with rows, and a requested one to the
// subject of replayed ones.
func moved(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	other, err := w.signed(w.command(w.tenant()))
	if err != nil {
		return "", err
	}
	other.Subject = events.RequestedSubject(c.TenantID)
	own, err := w.signed(c)
	if err != nil {
		return "", err
	}
	own.Subject = strings.Join([]string{string(events.TypeReplayed), string(w.Participant), string(c.TenantID)}, ".")
	resigned, err := w.Signer.Sign(other)
	if err != nil {
		return "", err
	}
	return "", w.refuses(ctx, c.TenantID, before, crafted{"another tenant's command", other},
		crafted{"a command on another type's subject", own}, crafted{"another tenant's command, signed for this subject", resigned})
}

func expired(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	c.RequestedAt, c.ExpiresAt = c.RequestedAt.Add(-2*time.Hour), c.RequestedAt.Add(-time.Hour)
	m, err := w.signed(c)
	if err != nil {
		return "", err
	}
	return "", w.refuses(ctx, c.TenantID, before, crafted{"expired an hour ago", m})
}

// edit replaces a text in a command's body and signs the outcome, so that nothing is wrong but that.
func (w *world) edit(m events.Message, old, with string) (events.Message, error) {
	body := bytes.Replace(m.Body, []byte(old), []byte(with), 1)
	if bytes.Equal(body, m.Body) {
		return m, fmt.Errorf("the kit's command has no %s", old)
	}
	m.Body = body
	return w.Signer.Sign(m)
}

// change is an edit with its name.
type change struct{ wrong, old, with string }

func (w *world) refusesChanges(ctx context.Context, changes ...change) error {
	c, before, err := w.victim(ctx)
	if err != nil {
		return err
	}
	good, err := encode(c)
	if err != nil {
		return err
	}
	for _, ch := range changes {
		bad, err := w.edit(good, ch.old, ch.with)
		if err == nil {
			err = w.refuses(ctx, c.TenantID, before, crafted{ch.wrong, bad})
		}
		if err != nil {
			return err
		}
	}
	return w.goesOn(ctx, c, before)
}

// goesOn demands that the good command after the bad ones is answered.
func (w *world) goesOn(ctx context.Context, c *events.Command, before counts) error {
	a, err := w.ask(ctx, c)
	if err == nil {
		err = w.demand(a, c, before)
	}
	if err != nil {
		return fmt.Errorf("a good command after them: %w", err)
	}
	return nil
}

// version10 ends the dataschema of the commands that the kit makes.
const version10 = "requested:1.0"

func versionMajor(ctx context.Context, w *world) (string, error) {
	return "", w.refusesChanges(ctx,
		change{"version 2.0", version10, "requested:2.0"}, change{"version 0.9", version10, "requested:0.9"},
		change{"version 1", version10, "requested:1"}, change{"version 1.00", version10, "requested:1.00"})
}

func versionMinor(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	m, err := encode(c)
	if err != nil {
		return "", err
	}
	for _, ch := range []change{
		{"", version10, "requested:1.7"},
		{"", `"wave":1`, `"wave":1,"later":{"a":[null,1.5]}`},
		{"", `"data":`, `"extension":"unknown","data":`},
	} {
		if m, err = w.edit(m, ch.old, ch.with); err != nil {
			return "", err
		}
	}
	a, err := w.exchange(ctx, m, w.AnswerTimeout)
	if err != nil {
		return "", err
	}
	return "", w.demand(a, c, before)
}

func malformed(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	good, err := encode(c)
	if err != nil {
		return "", err
	}
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	bodies := []struct{ wrong, body string }{
		{"no body", ""}, {"cut off", string(good.Body[:len(good.Body)/2])}, {"a list", "[]"}, {"a null", "null"},
		{"an empty object", "{}"}, {"two values", string(good.Body) + "{}"},
		{"a byte order mark", "\xef\xbb\xbf" + string(good.Body)},
		{"not UTF-8", strings.Replace(string(good.Body), c.Reason, c.Reason+"\xff", 1)},
		{"too deep", strings.Replace(string(good.Body), `"data":`, `"extension":`+deep+`,"data":`, 1)},
		{"too large", string(good.Body) + strings.Repeat(" ", 65536)},
	}
	for _, b := range bodies {
		m, err := w.Signer.Sign(events.Message{Subject: good.Subject, Header: good.Header, Body: []byte(b.body)})
		if err == nil {
			err = w.refuses(ctx, c.TenantID, before, crafted{b.wrong, m})
		}
		if err != nil {
			return "", err
		}
	}
	return "", w.goesOn(ctx, c, before)
}

func strictKeys(ctx context.Context, w *world) (string, error) {
	const wave = `"wave":1`
	return "", w.refusesChanges(ctx,
		change{"a key twice", wave, wave + `,"wave":2`},
		change{"a key twice, once escaped", wave, wave + `,"w\u0061ve":2`},
		change{"a key in another case", wave, `"Wave":1`},
		change{"a second key in another case", wave, wave + `,"WAVE":2`},
		change{"null", wave, `"wave":null`},
		change{"an unknown key", wave, wave + `,"extra":1`},
		change{"a missing key", wave + ",", ""},
		change{"a number as a text", wave, `"wave":"1"`},
		change{"a wave of zero", wave, `"wave":0`},
		change{"an unknown type", `"type":"tenant.deletion.requested"`, `"type":"tenant.deletion.wished"`},
		change{"another specversion", `"specversion":"1.0"`, `"specversion":"0.3"`})
}

// notNamed is not signed the second time: a participant has nothing to verify where it has nothing to do.
func notNamed(ctx context.Context, w *world) (string, error) {
	c, before, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	c.Participants = []events.Participant{"somebody_else"}
	plain, err := encode(c)
	if err != nil {
		return "", err
	}
	good, err := w.Signer.Sign(plain)
	if err != nil {
		return "", err
	}
	for _, m := range []events.Message{good, plain} {
		from := w.tap.mark()
		sequence, err := w.send(ctx, m)
		if err != nil {
			return "", err
		}
		limited, cancel := context.WithTimeout(ctx, w.AnswerTimeout)
		last, err := w.tap.await(limited, from, func(s seen) bool { return s.settles(sequence) })
		cancel()
		switch {
		case err != nil:
			return "", fmt.Errorf("not acknowledged within %s", w.AnswerTimeout)
		case !last.acknowledges():
			return "", errors.New("terminated instead of acknowledged")
		case len(w.tap.all(from, func(s seen) bool { return s.kind == kindResult && s.tenant() == c.TenantID })) > 0:
			return "", errors.New("a result was published")
		}
	}
	return "", w.untouched(ctx, c.TenantID, before)
}
