package erasectl

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

func (k *console) planGrantsCommand() *cobra.Command {
	var plan, role string
	c := &cobra.Command{Use: "grants", Args: exactly(), Short: "Print the rights that a plan's participant needs, as SQL",
		Long: `Print the statements, for an administrator, that give a role what the plan's participant needs and nothing else: it owns
the plan's home, and reads and deletes in the tables that rows are deleted from. It asks nobody and runs nothing.`,
		Example: `  erasectl plan grants --plan plan.yaml --role crm_eraser
  erasectl plan grants --plan plan.yaml --role crm_eraser | psql postgres://admin@host:5432/crm`}
	addPlan(c, &plan)
	c.Flags().StringVar(&role, "role", "", "role that the participant logs in as")
	completeNothing(c, "role")
	c.RunE = k.run(func(*cobra.Command, []string) error {
		if strings.TrimSpace(role) == "" {
			return app.Usage("--role: missing; the role that the participant logs in as")
		}
		file, err := k.readPlan(plan)
		if err != nil {
			return err
		}
		statements, err := file.Grants(role)
		if err != nil {
			return err
		}
		return k.showSQL(statements)
	})
	return c
}

// showSQL prints statements for psql, or as a list.
func (k *console) showSQL(statements []string) error {
	if k.output != outputTable {
		return showAll(k, statements, "", nil)
	}
	return k.write([]byte(strings.Join(statements, ";\n")+";\n"), nil)
}
