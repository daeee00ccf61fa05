package loyalty

import (
	"os"
	"testing"

	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	participantstest.Run(t, participantstest.Harness{
		Bus: participantstest.JetStream,
		Open: participantstest.Postgres{New: New, Tables: os.DirFS("migrations"), Seed: `
			INSERT INTO tenant_anchor (tenant_id) VALUES ('{tenant}') ON CONFLICT DO NOTHING;
			INSERT INTO members (tenant_id, tier) VALUES ('{tenant}', 'bronze'), ('{tenant}', 'silver');
			INSERT INTO points (member_id, earned) SELECT id, 5 FROM members WHERE tenant_id = '{tenant}'`}.Open,
	})
}
