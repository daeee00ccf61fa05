package fileplan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// tenantElement is the path element of Config.Folder that the tenant id replaces.
const tenantElement = "{tenant}"

// Config says where a tenant's files lie. The zero value works for a root with one folder per tenant under tenants/.
type Config struct {
	// Folder is the tenant's folder below the root, with slashes; the element {tenant} stands for the tenant id. Empty means
	// tenants/{tenant}.
	Folder string
	// Name is what the files are counted under, beside the names of tables. Empty means files.
	Name string
}

func (c Config) withDefaults() Config {
	c.Folder = cmp.Or(c.Folder, "tenants/"+tenantElement)
	c.Name = cmp.Or(c.Name, "files")
	return c
}

func (c Config) validate() error {
	elements := strings.Split(c.Folder, "/")
	count := 0
	for _, element := range elements {
		if element == tenantElement {
			count++
		} else if strings.ContainsAny(element, "{}") {
			return fmt.Errorf("Config.Folder: %q: {tenant} must be a whole path element", c.Folder)
		}
	}
	if count != 1 || !filepath.IsLocal(c.Folder) || path.Clean(c.Folder) != c.Folder || elements[0] == erasingFolder {
		return fmt.Errorf("Config.Folder: %q: must be a clean path below the root with {tenant} in it once", c.Folder)
	}
	return nil
}

// Plan is the files of one service.
type Plan struct {
	root *os.Root
	cfg  Config
	// stop is called after every durable step; tests return an error there, as if the process had ended. Nil in production.
	stop func(step string) error
}

var _ participants.Eraser = (*Plan)(nil)

// New opens the root folder, which must exist: a missing one is a wrong mount more often than an empty service.
func New(root string, cfg Config) (*Plan, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("fileplan: new: %w", err)
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("fileplan: open root: %w", err)
	}
	return &Plan{root: opened, cfg: cfg}, nil
}

// Close releases the root folder.
func (p *Plan) Close() error { return p.root.Close() }

// Preview counts the tenant's files, those of an unfinished erasure included.
func (p *Plan) Preview(ctx context.Context, tenant events.TenantID) (participants.Counts, error) {
	folder, err := p.folder(tenant)
	if err != nil {
		return nil, err
	}
	var total int64
	if folder != "" {
		if total, err = p.count(ctx, folder); err != nil {
			return nil, err
		}
	}
	aside, err := p.aside(tenant)
	if err != nil {
		return nil, err
	}
	for _, name := range aside.trees {
		n, err := p.count(ctx, path.Join(aside.folder, name))
		if err != nil {
			return nil, err
		}
		total += n
	}
	return participants.Counts{p.cfg.Name: total}, nil
}

// folder is the tenant's folder; empty when it does not exist.
func (p *Plan) folder(tenant events.TenantID) (string, error) {
	if err := tenant.Validate(); err != nil {
		return "", participants.Refuse(participants.CodeTenantRefused, "the tenant id is not one path element")
	}
	folder := strings.Replace(p.cfg.Folder, tenantElement, string(tenant), 1)
	for i, element := range strings.Split(folder, "/") {
		ancestors := strings.Split(folder, "/")[:i]
		switch info, err := p.root.Lstat(path.Join(append(ancestors, element)...)); {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil
		case err != nil:
			return "", bare("look at folder", err)
		case !info.IsDir():
			return "", participants.Refuse(participants.CodeUnsafePath,
				"%s: element %d of the path is a link or a file, not a folder", p.cfg.Folder, i+1)
		}
	}
	return folder, nil
}

// count is the number of entries below the folder that are not folders; links are counted, never followed.
func (p *Plan) count(ctx context.Context, folder string) (n int64, err error) {
	err = fs.WalkDir(p.root.FS(), folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return errors.Join(err, ctx.Err())
	})
	return n, bare("count files", err)
}

// removeEmpty removes the folders above the tenant's folder, up to the one that bears the tenant's id, as far as they
// are empty.
func (p *Plan) removeEmpty(tenant events.TenantID) error {
	elements := strings.Split(p.cfg.Folder, "/")
	for i := len(elements) - 1; i > slices.Index(elements, tenantElement); i-- {
		parent := strings.Replace(path.Join(elements[:i]...), tenantElement, string(tenant), 1)
		entries, err := fs.ReadDir(p.root.FS(), parent)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || len(entries) > 0 {
			return bare("look at parent folder", err)
		}
		err = p.root.Remove(parent)
		if errors.Is(err, fs.ErrExist) { // ENOTEMPTY: filled meanwhile, it stays
			return nil
		}
		if ignore(err, fs.ErrNotExist) != nil {
			return bare("remove parent folder", err)
		}
		if err := p.sync(path.Dir(parent)); err != nil {
			return err
		}
	}
	return nil
}

// sync makes a folder's entries durable; a folder that another delivery has removed has none.
func (p *Plan) sync(folder string) error {
	f, err := p.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return bare("open folder to sync", err)
	}
	return bare("sync folder", errors.Join(f.Sync(), f.Close()))
}

// bare keeps the cause and drops the path: file names may be the tenant's words.
func bare(verb string, err error) error {
	if err == nil {
		return nil
	}
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &link):
		err = link.Err
	case errors.As(err, &at):
		err = at.Err
	}
	return fmt.Errorf("fileplan: %s: %w", verb, err)
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
