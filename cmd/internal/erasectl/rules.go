package erasectl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// nameBytesMax is the API's limit of a tenant's name.
const nameBytesMax = 512

func (r *requestFlags) addConfirmation(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&r.confirmation.ConfirmName, "confirm-name", "", "the tenant's name, exactly; it is compared and not kept")
	f.BoolVar(&r.confirmation.ConfirmOtherAdmins, "confirm-other-admins", false,
		"as the owner: the tenant's other administrators may lose it")
	f.StringVar(&r.confirmation.OverrideReason, "override-reason", "",
		"as an administrator of the platform: code or reference for which the tenant's own are passed over")
	completeNothing(c, "confirm-name", "override-reason")
}

// ruleWaysOut say to a script what a person is asked for.
var ruleWaysOut = map[string]string{
	saga.ReasonTenantUnknown:        "nothing was deleted; erasectl list shows the jobs that are there",
	saga.ReasonNotAdministrator:     "let the owner ask, or an administrator of the platform (403)",
	saga.ReasonConfirmationMissing:  "say --confirm-name NAME",
	saga.ReasonConfirmationMismatch: "nothing was deleted; is it the right tenant?",
	saga.ReasonOtherAdmins:          "say --confirm-other-admins when they know",
	saga.ReasonOverrideMissing:      "say --override-reason CODE, for example the ticket's number",
}

// submitConfirmed asks for a deletion. What the tenant rules want to hear beyond it, a person at a terminal is asked for; each
// thing once.
func (k *console) submitConfirmed(
	ctx context.Context, a *api, key string, body httpapi.NewJob, guard *confirmation,
) (job httpapi.Job, err error) {
	asked := map[string]bool{}
	for {
		job, err = a.submit(ctx, key, body)
		var r *refused
		if err == nil || guard.changed() || !errors.As(err, &r) || asked[r.problem.Code] {
			return job, err
		}
		asked[r.problem.Code] = true
		answered, said := k.answerRule(ctx, r.problem, &body.Confirmation)
		switch {
		case said != nil:
			return job, said
		case !answered:
			return job, err
		}
	}
}

// answerRule asks a person for what the rules want to hear; answered is false when nothing that he says would help.
func (k *console) answerRule(ctx context.Context, p httpapi.Problem, c *httpapi.Confirmation) (answered bool, err error) {
	var question string
	switch p.Code {
	case saga.ReasonConfirmationMissing:
		question = "Type the tenant's name to confirm:"
	case saga.ReasonOtherAdmins:
		question = fmt.Sprintf("Its other active administrators lose it too: %s. Type yes when they know:",
			strings.Join(p.Admins, ", "))
	case saga.ReasonOverrideMissing:
		question = fmt.Sprintf("Its active administrators are %s. Type the code or reference for which they are passed over; it is "+
			"recorded:", strings.Join(p.Admins, ", "))
	default:
		return false, nil
	}
	_, _ = fmt.Fprint(k.err, app.OneLine(question)+" ")
	typed, err := k.typed(ctx)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("not confirmed: %w; nothing was deleted", context.Cause(ctx))
	case err != nil || typed == "" || len(typed) > nameBytesMax:
		return false, app.Usage("not confirmed; nothing was deleted")
	}
	switch p.Code {
	case saga.ReasonConfirmationMissing:
		c.ConfirmName = typed
	case saga.ReasonOtherAdmins:
		if typed != "yes" {
			return false, app.Usage("not confirmed; nothing was deleted")
		}
		c.ConfirmOtherAdmins = true
	case saga.ReasonOverrideMissing:
		if err := checkKey(typed); err != nil {
			return false, app.Usage("not confirmed: want a code or reference (%w); nothing was deleted", err)
		}
		c.OverrideReason = typed
	}
	return true, nil
}
