package familytest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// product is a family, what its catalogue leaves open, and what a person answers.
type product struct {
	open   func() familytest.Family
	person person
	// undecided are the tables that need an answer, with what was seen.
	undecided map[string][]string
}

var products = map[string]product{
	"rails":  {open: familytest.Rails, undecided: railsUndecided, person: railsPerson},
	"prisma": {open: familytest.Prisma, undecided: prismaUndecided, person: prismaPerson},
	"events": {open: familytest.Events, undecided: eventsUndecided, person: eventsPerson},
}

var railsUndecided = map[string][]string{
	"comments":          {sqlplan.FindingPath, sqlplan.FindingPolymorphicType},
	"delayed_jobs":      {sqlplan.FindingUnplannedTable},
	"memberships":       {sqlplan.FindingPath, sqlplan.FindingPath},
	"notifications":     {sqlplan.FindingPath, sqlplan.FindingPath, sqlplan.FindingPolymorphicType},
	"pages":             {sqlplan.FindingUnplannedTable},
	"projects_watchers": {sqlplan.FindingPath, sqlplan.FindingPath},
	"reactions":         {sqlplan.FindingPath}, // by way of comments
	"settings":          {sqlplan.FindingNullableTenant},
	"taggings":          {sqlplan.FindingPath, sqlplan.FindingPolymorphicType, sqlplan.FindingPolymorphicType},
	"tags":              {sqlplan.FindingUnplannedTable},
	"versions":          {sqlplan.FindingPolymorphicType},
	"webhook_calls":     {sqlplan.FindingPath}, // by way of webhooks
	"webhooks":          {sqlplan.FindingNullableTenant},
}

var railsPerson = person{
	answers: []sqlplan.Rule{
		sqlplan.Delete("memberships").Via("project_id", "projects").WithoutKey("belongs_to :project"),
		sqlplan.Delete("projects_watchers").Via("project_id", "projects").WithoutKey("has_and_belongs_to_many"),
		sqlplan.Keep("pages", "help pages of the product"),
		sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id",
			map[string]string{"Todo": "todos", "Project": "projects"}).
			KeepingType("Page", "help pages are the product's"),
		sqlplan.Delete("reactions").Via("comment_id", "comments"),
		sqlplan.Keep("tags", "names that all organizations share"),
		sqlplan.Delete("taggings").ViaPair("taggable_type", "taggable_id", map[string]string{"Todo": "todos"}).
			KeepingType("Page", "help pages are the product's"),
		sqlplan.Delete("versions").ViaPair("item_type", "item_id", map[string]string{"Todo": "todos", "User": "users"}).
			KeepingType("Page", "help pages are the product's"),
		sqlplan.Delete("settings").By("organization_id").KeepingNull("defaults of the product"),
		sqlplan.Delete("webhooks").By("organization_id").KeepingNull("the product's own monitoring"),
		sqlplan.Delete("webhook_calls").Via("webhook_id", "webhooks"),
		sqlplan.Delete("notifications").Via("recipient_id", "users").WithoutKey("belongs_to :recipient"),
		sqlplan.Keep("delayed_jobs", "emptied within minutes"),
	},
	corrections: []sqlplan.Rule{
		sqlplan.Delete("templates").By("organization_id").Where("is_system = false", "the product's own templates"),
	},
	triggers: map[string][]string{"todos": {"todos_counter_cache"}},
}

var prismaUndecided = map[string][]string{
	"Category":          {sqlplan.FindingNullableTenant},
	"Country":           {sqlplan.FindingUnplannedTable},
	"File":              {sqlplan.FindingNullablePath},
	"Transfer":          {sqlplan.FindingUndecidedColumn},
	"VerificationToken": {sqlplan.FindingUnplannedTable},
}

var prismaPerson = person{
	answers: []sqlplan.Rule{
		sqlplan.Keep("VerificationToken", "expire within minutes"),
		sqlplan.Keep("Country", "catalogue of all organizations"),
		sqlplan.Delete("Category").By("organizationId").KeepingNull("categories of the product"),
		sqlplan.Delete("File").Via("uploaderId", "User").AcceptingNull("files of users who have left"),
		sqlplan.Delete("Transfer").By("fromId", "toId"),
	},
}

var eventsUndecided = map[string][]string{
	"daily": {sqlplan.FindingUnplannedTable}, // a materialized view
	"kinds": {sqlplan.FindingUnplannedTable},
}

var eventsPerson = person{
	answers: []sqlplan.Rule{
		sqlplan.Keep("kinds", "catalogue of all tenants"),
		sqlplan.Keep("daily", "refreshed every night"),
	},
}

func TestProducts(t *testing.T) {
	t.Parallel()
	for name, p := range products {
		t.Run(name+": the catalogue leaves open exactly what needs a person", func(t *testing.T) {
			t.Parallel()
			w := p.open().Open(t)
			proposal, err := propose(t.Context(), w)
			require.NoError(t, err)
			require.Equal(t, p.undecided, undecided(proposal))
			plan := sqlplan.New(w.DB, config(w), proposal.Rules...)
			require.ErrorIs(t, plan.Check(t.Context()), participants.ErrRefused)
			requireRefused(t, w, plan, w.Family.Tenants[0])
		})
		t.Run(name+": tenant after tenant goes exactly, and what is left is nobody's", func(t *testing.T) {
			t.Parallel()
			w := p.open().Open(t)
			plan := decided(t, w, p.person, sqlplan.Config{})
			for _, tenant := range w.Family.Tenants {
				receipt := requireExact(t, w, plan, tenant)
				require.Equal(t, participants.ModeTransaction, receipt.Mode)
			}
		})
		t.Run(name+": tenant after tenant goes exactly in chunks", func(t *testing.T) {
			t.Parallel()
			w := p.open().Open(t)
			plan := decided(t, w, p.person, sqlplan.Config{BoundedRows: 10, ChunkRows: 15, Pace: time.Microsecond})
			for _, tenant := range w.Family.Tenants {
				receipt := requireExact(t, w, plan, tenant)
				require.Equal(t, participants.ModeBounded, receipt.Mode)
			}
		})
		t.Run(name+": each decision left out is refused, and nothing is deleted", func(t *testing.T) {
			t.Parallel()
			w := p.open().Open(t)
			decided(t, w, p.person, sqlplan.Config{}) // mends the indexes
			lessons := leaveOut(allRules(t, w, p.person), p.person.answers)
			require.Greater(t, len(lessons), len(p.person.answers))
			for _, l := range lessons {
				plan := sqlplan.New(w.DB, config(w), l.rules...)
				require.ErrorIs(t, plan.Check(t.Context()), participants.ErrRefused, "%s of %s", l.claim, l.table)
				detail := requireRefused(t, w, plan, w.Family.Tenants[0])
				require.Contains(t, detail, l.table, l.claim)
			}
		})
	}
}

// decided is a checked plan with everything decided, its rules in any order, and its indexes made.
func decided(t testing.TB, w *familytest.World, p person, cfg sqlplan.Config) *sqlplan.Plan {
	t.Helper()
	base := config(w)
	base.BoundedRows, base.ChunkRows, base.Pace = cfg.BoundedRows, cfg.ChunkRows, cfg.Pace
	rules := allRules(t, w, p)
	rand.New(rand.NewPCG(uint64(len(rules)), 1)).Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	plan := sqlplan.New(w.DB, base, rules...)
	require.NoError(t, mend(t.Context(), w, plan))
	require.NoError(t, plan.Check(t.Context()))
	return plan
}

func allRules(t testing.TB, w *familytest.World, p person) []sqlplan.Rule {
	t.Helper()
	proposal, err := propose(t.Context(), w)
	require.NoError(t, err)
	p.actions = actingKeys(t, w)
	return p.rules(proposal)
}
