package fileplan

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// erasingFolder holds, per tenant, the trees that were moved aside and the manifests that count them. No tenant id can
// be its name: ids have no dot.
const erasingFolder = ".erasing"

// asideFolder lists what was moved aside for a tenant.
type asideFolder struct {
	folder string
	trees  []string // <job>.<attempt>.<random>
	others []string // manifests, and temporary files of a crash
}

func (a *asideFolder) empty() bool { return len(a.trees)+len(a.others) == 0 }

// Erase moves the tenant's folder aside, makes its count durable, deletes it, and adds what was counted in this pass. It
// is safe to call again for the same job after a crash and then adds the same count.
func (p *Plan) Erase(ctx context.Context, e *participants.Erasure) (err error) {
	folder, err := p.folder(e.Tenant)
	if err != nil {
		return err
	}
	aside, err := p.aside(e.Tenant)
	if err != nil {
		return err
	}
	if folder == "" && aside.empty() {
		e.Add(p.cfg.Name, 0)
		return p.removeEmpty(e.Tenant)
	}
	unlock, err := p.lock(ctx, e.Tenant)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return p.erase(ctx, e)
}

// erase is Erase with the tenant's lock.
func (p *Plan) erase(ctx context.Context, e *participants.Erasure) error {
	folder, err := p.folder(e.Tenant)
	if err != nil {
		return err
	}
	if folder != "" {
		if err := p.moveAside(e, folder); err != nil {
			return err
		}
	}
	if err := p.removeEmpty(e.Tenant); err != nil {
		return err
	}
	if err := p.adopt(ctx, e); err != nil {
		return err
	}
	aside, err := p.aside(e.Tenant)
	if err != nil {
		return err
	}
	for _, tree := range aside.trees {
		if err := p.eraseTree(ctx, aside.folder, tree); err != nil {
			return err
		}
	}
	files, err := p.total(e)
	if err != nil {
		return err
	}
	e.Add(p.cfg.Name, files)
	return nil
}

// moveAside renames the folder: from here on it is gone for everyone else, and it is gone whole.
func (p *Plan) moveAside(e *participants.Erasure, folder string) error {
	aside := path.Join(erasingFolder, string(e.Tenant))
	if err := p.root.MkdirAll(aside, 0o700); err != nil {
		return bare("make folder", err)
	}
	if err := errors.Join(p.sync("."), p.sync(erasingFolder)); err != nil {
		return err
	}
	err := p.root.Rename(folder, path.Join(aside, treeName(e)))
	switch {
	case errors.Is(err, fs.ErrNotExist): // the service removed it itself
		return nil
	case errors.Is(err, syscall.EXDEV):
		return participants.Refuse(participants.CodeUnsafePath, "%s: is on another file system than the root", p.cfg.Folder)
	case err != nil:
		return bare("move folder aside", err)
	}
	return errors.Join(p.sync(aside), p.sync(path.Dir(folder)), p.at("moved"))
}

// treeName is never used twice, so that a tree can never meet the manifest of another.
func treeName(e *participants.Erasure) string {
	return fmt.Sprintf("%s.%d.%s", e.Job, e.Attempt, rand.Text())
}

// adopt makes this job's what an interrupted one of the tenant left behind, a job or an erasure outside of any. Each counts
// what it deleted itself. Manifests stay: whether their job has stored its receipt is not known here.
func (p *Plan) adopt(ctx context.Context, e *participants.Erasure) error {
	aside, err := p.aside(e.Tenant)
	if err != nil {
		return err
	}
	for _, tree := range aside.trees {
		if strings.HasPrefix(tree, string(e.Job)+".") {
			continue
		}
		if err := p.adoptTree(ctx, e, aside.folder, tree); err != nil {
			return err
		}
	}
	for _, name := range aside.others {
		if strings.HasSuffix(name, manifestSuffix) {
			continue
		}
		if err := p.root.Remove(path.Join(aside.folder, name)); ignore(err, fs.ErrNotExist) != nil {
			return bare("drop temporary count", err)
		}
	}
	return nil
}

// adoptTree renames a tree, then takes what is left in it out of the count of whoever began with it.
func (p *Plan) adoptTree(ctx context.Context, e *participants.Erasure, folder, tree string) error {
	name := treeName(e)
	if err := p.root.Rename(path.Join(folder, tree), path.Join(folder, name)); err != nil {
		return bare("adopt folder", err)
	}
	begun, err := p.readManifest(folder, tree+manifestSuffix)
	if errors.Is(err, fs.ErrNotExist) { // it was moved aside, not counted
		return p.sync(folder)
	}
	if err != nil {
		return err
	}
	left, err := p.count(ctx, path.Join(folder, name))
	if err != nil {
		return err
	}
	begun.Files -= left
	temporary, err := p.writeTemporary(folder, tree, begun)
	if err != nil {
		return err
	}
	if err := p.root.Rename(temporary, path.Join(folder, tree+manifestSuffix)); err != nil {
		return bare("name count", err)
	}
	return p.sync(folder)
}

// aside reads what lies under the tenant's aside folder.
func (p *Plan) aside(tenant events.TenantID) (asideFolder, error) {
	aside := asideFolder{folder: path.Join(erasingFolder, string(tenant))}
	entries, err := fs.ReadDir(p.root.FS(), aside.folder)
	if ignore(err, fs.ErrNotExist) != nil {
		return aside, bare("list erasing folder", err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			aside.trees = append(aside.trees, entry.Name())
		} else {
			aside.others = append(aside.others, entry.Name())
		}
	}
	return aside, nil
}

// eraseTree counts, makes the count durable, deletes. The first manifest of a tree wins: it was written before the first
// delete, whoever wrote it.
func (p *Plan) eraseTree(ctx context.Context, folder, tree string) error {
	if _, err := p.root.Lstat(path.Join(folder, tree+manifestSuffix)); err != nil {
		files, err := p.count(ctx, path.Join(folder, tree))
		if err != nil {
			return err
		}
		if err := p.writeManifest(folder, tree, manifest{Files: files}); err != nil {
			return err
		}
	}
	if err := p.at("counted"); err != nil {
		return err
	}
	entries, err := fs.ReadDir(p.root.FS(), path.Join(folder, tree))
	if ignore(err, fs.ErrNotExist) != nil {
		return bare("list folder", err)
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.root.RemoveAll(path.Join(folder, tree, entry.Name())); err != nil {
			return bare("delete files", err)
		}
		if err := p.at("deleting"); err != nil {
			return err
		}
	}
	if err := p.root.RemoveAll(path.Join(folder, tree)); err != nil {
		return bare("delete folder", err)
	}
	return errors.Join(p.sync(folder), p.at("deleted"))
}

func (p *Plan) at(step string) error {
	if p.stop == nil {
		return nil
	}
	return p.stop(step)
}
