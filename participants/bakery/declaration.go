package bakery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/fileplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// Waves of the platform.
const (
	WaveServices = 1 // the twelve services, side by side
	WaveTenants  = 2 // the tenant service, always last: it knows who may ask about the tenant
)

// ErrUnknown is matched when no service has the name asked for.
var ErrUnknown = errors.New("unknown service")

// Files says where a service keeps files of its tenants.
type Files struct {
	// Folder is the tenant's folder below the root, see fileplan.Config.
	Folder string
	// Name is what the files are counted under, beside the names of tables.
	Name string
}

// Declaration is everything the platform knows about one service's tenant data.
type Declaration struct {
	// Aliases are other spellings of the name in the platform's routes.
	Aliases []string
	// Files is the zero value for a service that has none.
	Files Files
	// Name is the participant, and the schema of the service in the reference set-up.
	Name events.Participant
	// Rules are the plan: every table of the service, deleted or kept with a reason.
	Rules []sqlplan.Rule
	// Wave is when the service deletes; waves run in order.
	Wave int
}

// Config says where a service's data is, beside its database. The zero value works for services without files.
type Config struct {
	// FilesRoot is the existing folder below which Declaration.Files lie. Required for a service with files.
	FilesRoot string
	// Plan tunes the SQL plan. Its Service is set from the declaration.
	Plan sqlplan.Config
}

// All lists the thirteen declarations: the first wave by name, then the tenant service.
func All() []Declaration {
	return []Declaration{
		alertProcessor(), external(), forecasting(), inventory(), notification(), orders(), pos(), production(), recipes(),
		sales(), suppliers(), training(), tenants(),
	}
}

// ByName finds a declaration by its name or one of its aliases. The error of a stranger's name does not repeat it.
func ByName(name string) (Declaration, error) {
	for _, d := range All() {
		if string(d.Name) == name || slices.Contains(d.Aliases, name) {
			return d, nil
		}
	}
	return Declaration{}, fmt.Errorf("bakery: find service: %w: known are %s", ErrUnknown, strings.Join(names(), ", "))
}

// Service makes the participant over the service's database. It does not connect; its Ledger's Check does.
func (d Declaration) Service(db *bun.DB, cfg Config) (participants.Service, error) {
	plan := cfg.Plan
	plan.Service = d.Name
	service := participants.Service{Name: d.Name, Ledger: sqlplan.New(db, plan, d.Rules...)}
	if d.Files == (Files{}) {
		return service, nil
	}
	if cfg.FilesRoot == "" {
		return participants.Service{}, fmt.Errorf("bakery: make service %s: Config.FilesRoot: missing", d.Name)
	}
	files, err := fileplan.New(cfg.FilesRoot, fileplan.Config{Folder: d.Files.Folder, Name: d.Files.Name})
	if err != nil {
		return participants.Service{}, fmt.Errorf("bakery: make service %s: %w", d.Name, err)
	}
	service.Others = []participants.Eraser{files}
	return service, nil
}

func names() []string {
	all := All()
	list := make([]string, len(all))
	for i, d := range all {
		list[i] = string(d.Name)
	}
	return list
}
