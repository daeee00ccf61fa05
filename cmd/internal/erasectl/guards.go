package erasectl

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const (
	holdsPath    = "/api/v1/holds"
	controlsPath = "/api/v1/controls"
)

// holdReasons are usual; any code of the form is allowed.
var holdReasons = []string{"litigation", "retention_duty", "tax_audit"}

func holdPath(tenant string, rest string) string {
	return "/api/v1/tenants/" + tenant + "/holds" + rest
}

var argHold = argument{"HOLD", func(text string) error {
	if id, err := strconv.ParseInt(text, 10, 64); err != nil || id < 1 {
		return app.Usage("want the number of a hold")
	}
	return nil
}}

// guardCommands are what stops deletions before their first delete.
func (k *console) guardCommands() []*cobra.Command {
	return []*cobra.Command{k.holdCommand(), k.releaseCommand(), k.holdsCommand(), k.pauseCommand(), k.resumeCommand(),
		k.controlsCommand()}
}

func (k *console) holdCommand() *cobra.Command {
	var body httpapi.NewHold
	c := &cobra.Command{Use: "hold TENANT", Short: "Set a legal hold: no deletion of the tenant begins",
		Long: `Set a legal hold on a tenant. While one stands no deletion of the tenant begins, also none that is asked for later.
Several may stand at once. Once the tenant's deletion has begun a hold is refused (exit code 5): it would stop nothing.

erasectl release ends it, and the tenant's job goes on by itself.`,
		Example: `  erasectl hold bakery-17 --code tax_audit --reason "the accounts of 2025 are being audited"
  erasectl hold bakery-17 --code litigation --reason "see the case" --reference 2026/17`,
		Args: exactly(argTenant), ValidArgsFunction: first(k.liveTenants)}
	f := c.Flags()
	f.StringVar(&body.Code, "code", "", "why, as a code of a-z and _, for example tax_audit; required")
	f.StringVar(&body.Reason, "reason", "", "why, in a sentence without tenant data; required")
	f.StringVar(&body.Reference, "reference", "", "names the case elsewhere")
	complete(c, "code", fixed(holdReasons))
	completeNothing(c, "reason", "reference")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if !reasonForm.MatchString(body.Code) {
			return app.Usage("--code: want a code of a-z and _, at most 64, for example tax_audit")
		}
		if err := checkReason(body.Reason); err != nil {
			return err
		}
		return k.changeHold(c.Context(), call{method: http.MethodPost, path: holdPath(args[0], ""), body: body,
			about: "tenant " + args[0]})
	})
	return c
}

func (k *console) releaseCommand() *cobra.Command {
	var body httpapi.Why
	c := &cobra.Command{Use: "release TENANT HOLD", Short: "Release a legal hold",
		Long: `Release a legal hold by its number, which erasectl holds lists. With the last one gone the tenant's job goes on by
itself, at once when its grace is over.`,
		Example: `  erasectl release bakery-17 3 --reason "the audit is over"`,
		Args:    exactly(argTenant, argHold), ValidArgsFunction: first(k.liveTenants)}
	c.Flags().StringVar(&body.Reason, "reason", "", "why, in a sentence without tenant data; required")
	completeNothing(c, "reason")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if err := checkReason(body.Reason); err != nil {
			return err
		}
		return k.changeHold(c.Context(), call{method: http.MethodPost, path: holdPath(args[0], "/"+args[1]+"/release"), body: body,
			about: "hold " + args[1] + " of tenant " + args[0]})
	})
	return c
}

// checkReason refuses what the API would refuse.
func checkReason(reason string) error {
	if n := len([]rune(reason)); n < 1 || n > 200 {
		return app.Usage("--reason: say why, in 1 to 200 characters")
	}
	return nil
}

// changeHold sends a change and shows the hold.
func (k *console) changeHold(ctx context.Context, change call) error {
	a, err := k.client()
	if err != nil {
		return err
	}
	var hold httpapi.Hold
	if _, _, err := a.do(ctx, change, &hold); err != nil {
		return err
	}
	return k.show(hold, func(p *paper) { p.holds([]httpapi.Hold{hold}) })
}

func (k *console) holdsCommand() *cobra.Command {
	var released bool
	c := &cobra.Command{Use: "holds [TENANT]", Short: "List legal holds, newest first",
		Long: "List the legal holds that stand, of one tenant or of all, newest first; with --released the released ones too.",
		Example: `  erasectl holds
  erasectl holds bakery-17 --released -o json`,
		Args: between(0, argTenant), ValidArgsFunction: first(k.liveTenants)}
	c.Flags().BoolVar(&released, "released", false, "the released ones too")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		query := url.Values{}
		if released {
			query.Set("released", "true")
		}
		if len(args) > 0 {
			query.Set("tenant_id", args[0])
		}
		all, err := a.holds(c.Context(), query)
		if err != nil {
			return err
		}
		return showAll(k, all, "no holds", func(p *paper) { p.holds(all) })
	})
	return c
}

// holds reads every page.
func (a *api) holds(ctx context.Context, query url.Values) (all []httpapi.Hold, err error) {
	query.Set("limit", strconv.Itoa(pageMax))
	for {
		var answer httpapi.Holds
		if _, _, err := a.do(ctx, call{path: holdsPath, query: query}, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Holds...)
		if answer.NextPageToken == "" {
			return all, nil
		}
		query.Set("page_token", answer.NextPageToken)
	}
}

func (p *paper) holds(all []httpapi.Hold) {
	c := columns{headers: []string{"hold", "tenant", "code", "reason", "reference", "by", "since", "released by", "released"},
		numeric: []string{"hold"}}
	for i := range all {
		h := &all[i]
		var by, at string
		if h.Released != nil {
			by, at = h.Released.By, p.moment(h.Released.At)
		}
		c.row(strconv.FormatInt(h.ID, 10), string(h.TenantID), h.Code, h.Reason, h.Reference, h.By, p.moment(h.At), by, at)
	}
	p.table(c)
}

func (k *console) pauseCommand() *cobra.Command {
	var body httpapi.Why
	c := &cobra.Command{Use: "pause", Short: "Stop every deletion before its next transaction",
		Long: `Stop everything: when this has ended with exit code 0, nothing begins any more, in any job: no first delete, no wave, no
repeated command, no replay, no verification, and no command that waits at the broker. What a participant has in hand it
finishes; results are still counted. The pause survives restarts, until erasectl resume.`,
		Example: `  erasectl pause --reason "a wrong list of tenants"`, Args: exactly()}
	c.Flags().StringVar(&body.Reason, "reason", "", "why, in a sentence without tenant data; required")
	completeNothing(c, "reason")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		if err := checkReason(body.Reason); err != nil {
			return err
		}
		return k.showControls(c.Context(), call{method: http.MethodPost, path: controlsPath + "/pause", body: body})
	})
	return c
}

func (k *console) resumeCommand() *cobra.Command {
	c := &cobra.Command{Use: "resume", Short: "End a pause: everything goes on",
		Long:    "End a pause. Everything goes on at once, where it stood; nothing was lost. Without a pause it changes nothing.",
		Example: `  erasectl resume`, Args: exactly()}
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		return k.showControls(c.Context(), call{method: http.MethodPost, path: controlsPath + "/resume"})
	})
	return c
}

func (k *console) controlsCommand() *cobra.Command {
	c := &cobra.Command{Use: "controls", Short: "Show what is set for all deletions",
		Long: "Show whether deletions are paused, by whom and why, and how many may begin within an hour.",
		Example: `  erasectl controls
  erasectl controls -o json`, Args: exactly()}
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		return k.showControls(c.Context(), call{path: controlsPath})
	})
	return c
}

func (k *console) showControls(ctx context.Context, question call) error {
	a, err := k.client()
	if err != nil {
		return err
	}
	var controls httpapi.Controls
	if _, _, err := a.do(ctx, question, &controls); err != nil {
		return err
	}
	return k.show(controls, func(p *paper) {
		limit := "no limit"
		if controls.GovernorMax > 0 {
			limit = strconv.Itoa(controls.GovernorMax) + " begin within an hour"
		}
		p.fact("governor", limit)
		if pause := controls.Pause; pause != nil {
			p.fact("paused by", pause.By)
			p.fact("since", p.moment(pause.At))
			p.fact("reason", pause.Reason)
			return
		}
		p.fact("paused", "no")
	})
}
