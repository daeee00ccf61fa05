package erasectl

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const lettersPath = "/api/v1/dead-letters"

func letterPath(id string, rest ...string) string {
	return strings.Join(append([]string{lettersPath, id}, rest...), "/")
}

// deadLetters reads pages until there are as many as wanted, or all of them (limit 0); more says that there are others.
func (a *api) deadLetters(ctx context.Context, query url.Values, limit int) (all []httpapi.DeadLetter, more bool, err error) {
	for {
		page := pageMax
		if limit > 0 {
			page = min(pageMax, limit-len(all))
		}
		query.Set("limit", strconv.Itoa(page))
		var answer httpapi.DeadLetters
		if _, _, err := a.do(ctx, call{path: lettersPath, query: query}, &answer); err != nil {
			return nil, false, err
		}
		all = append(all, answer.DeadLetters...)
		if answer.NextPageToken == "" || limit > 0 && len(all) >= limit {
			return all, answer.NextPageToken != "", nil
		}
		query.Set("page_token", answer.NextPageToken)
	}
}

func (k *console) deadLettersCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "deadletters", Short: "See and settle messages that could not be handled",
		Long: `A message that can never be handled is put aside with the reason, and the queue goes on. Repair the reason, then send it
again, or discard it with the reason why nobody needs it.`,
		Example: `  erasectl deadletters list
  erasectl deadletters resend 12
  erasectl deadletters discard 13 --reason "sent by a test"`})
	c.AddCommand(k.lettersList(), k.letterGet(), k.letterResend(), k.letterDiscard())
	return c
}

func (k *console) lettersList() *cobra.Command {
	var consumer string
	var resolved, all bool
	var limit int
	c := &cobra.Command{Use: "list", Short: "List dead letters, newest first",
		Long: "List the dead letters that nobody has settled yet, newest first; with --resolved the settled ones too.",
		Example: `  erasectl deadletters list --consumer orders
  erasectl deadletters list --resolved --all -o jsonl`, Args: exactly()}
	f := c.Flags()
	f.StringVar(&consumer, "consumer", "", "only those of this consumer")
	f.BoolVar(&resolved, "resolved", false, "the settled ones too")
	f.BoolVar(&all, "all", false, "every one, however many there are")
	f.IntVar(&limit, "limit", listDefault, "the most letters")
	completeNothing(c, "consumer", "limit")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		limit, err := pages(c, limit, all)
		if err != nil {
			return err
		}
		query := url.Values{}
		if consumer != "" {
			if err := argTenant.check(consumer); err != nil { // the same form
				return app.Usage("--consumer: want 1 to 64 of A-Z a-z 0-9 _ -")
			}
			query.Set("consumer", consumer)
		}
		if resolved {
			query.Set("resolved", "true")
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		letters, more, err := a.deadLetters(c.Context(), query, limit)
		if err != nil {
			return err
		}
		if err := showAll(k, letters, "no dead letters", func(p *paper) { p.letters(letters) }); err != nil {
			return err
		}
		if more {
			k.say("there are more dead letters: --all lists every one")
		}
		return nil
	})
	return c
}

func (k *console) letterGet() *cobra.Command {
	return k.letterCommand("get ID", "Show a dead letter with its message",
		"Show a dead letter with its message, while that is kept. JSON has the message in base64, because it may be anything.",
		"  erasectl deadletters get 12\n  erasectl deadletters get 12 -o json | jq -r .body | base64 -d",
		func(id string) call { return call{path: letterPath(id)} })
}

func (k *console) letterResend() *cobra.Command {
	return k.letterCommand("resend ID", "Handle a dead letter's message again",
		"Send a dead letter's message once more to the consumer that could not handle it, and settle the letter when that went well.",
		"  erasectl deadletters resend 12",
		func(id string) call { return call{method: http.MethodPost, path: letterPath(id, "resend")} })
}

// reasonBytesMax is the API's limit.
const reasonBytesMax = 200

func (k *console) letterDiscard() *cobra.Command {
	var reason string
	c := k.letterCommand("discard ID", "Settle a dead letter without handling it",
		"Settle a dead letter without handling its message. The reason stays with it; write no data of tenants there.",
		"  erasectl deadletters discard 13 --reason \"sent by a test\"",
		func(id string) call {
			return call{method: http.MethodPost, path: letterPath(id, "discard"), body: httpapi.Discard{Reason: reason}}
		})
	c.Flags().StringVar(&reason, "reason", "", "why nobody needs it; required")
	completeNothing(c, "reason")
	discard := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" || len(reason) > reasonBytesMax {
			return app.Usage("--reason: say why nobody needs it, in at most %d bytes", reasonBytesMax)
		}
		return discard(c, args)
	}
	return c
}

// letterCommand makes a command about one letter, which shows it afterwards.
func (k *console) letterCommand(use, short, long, example string, of func(id string) call) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: exactly(argLetter),
		ValidArgsFunction: first(k.liveLetters)}
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		var letter httpapi.DeadLetter
		send := of(args[0])
		send.about = "dead letter " + args[0]
		if _, _, err := a.do(c.Context(), send, &letter); err != nil {
			return err
		}
		return k.show(letter, func(p *paper) { p.letter(&letter) })
	})
	return c
}

func (p *paper) letters(all []httpapi.DeadLetter) {
	c := columns{headers: []string{"id", "at", "consumer", "subject", "settled", "reason"}, numeric: []string{"id"}}
	for i := range all {
		l := &all[i]
		settled := ""
		if l.Resolution != nil {
			settled = l.Resolution.Kind
		}
		c.row(fmt.Sprint(l.ID), p.moment(l.CreatedAt), l.Consumer, l.Subject, settled, l.Reason)
	}
	p.table(c)
}

func (p *paper) letter(l *httpapi.DeadLetter) {
	p.fact("id", fmt.Sprint(l.ID))
	p.fact("at", p.moment(l.CreatedAt))
	p.fact("consumer", l.Consumer)
	p.fact("subject", l.Subject)
	p.fact("message", fmt.Sprintf("%d of stream %s", l.Sequence, l.Stream))
	p.fact("reason", l.Reason)
	if r := l.Resolution; r != nil {
		p.fact("settled", r.Kind)
		p.fact("by", r.By)
		p.fact("when", p.moment(r.At))
		p.fact("because", r.Reason)
	}
	p.fact("body", string(l.Body))
}
