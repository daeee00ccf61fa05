package fileplan

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// erasingFolder holds, per tenant, the trees that were moved aside and the manifests that count them. No tenant id can
// be its name: ids have no dot.
const erasingFolder = ".erasing"

const manifestSuffix = ".json"

// manifest is the durable count of a tree; its name says of which job and attempt.
type manifest struct {
	Files int64 `json:"files"`
}

// asideFolder lists what was moved aside for a tenant.
type asideFolder struct {
	folder string
	trees  []string // <job>.<attempt>.<random>
	others []string // manifests, and temporary files of a crash
}

// Erase moves the tenant's folder aside, makes its count durable, deletes it, and adds what was counted in this pass. It
// is safe to call again for the same job after a crash and then adds the same count.
func (p *Plan) Erase(ctx context.Context, e *participants.Erasure) error {
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
	if err := p.adopt(e); err != nil {
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
	case errors.Is(err, fs.ErrNotExist): // another delivery moved it first; its tree is found beside
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

// adopt makes this job's what an earlier job of the tenant left behind, and forgets the earlier counts: that job is over.
func (p *Plan) adopt(e *participants.Erasure) error {
	aside, err := p.aside(e.Tenant)
	if err != nil {
		return err
	}
	ours := string(e.Job) + "."
	for _, tree := range aside.trees {
		if strings.HasPrefix(tree, ours) {
			continue
		}
		err := p.root.Rename(path.Join(aside.folder, tree), path.Join(aside.folder, treeName(e)))
		if ignore(err, fs.ErrNotExist) != nil {
			return bare("adopt folder", err)
		}
	}
	for _, name := range aside.others {
		if strings.HasPrefix(name, ours) {
			continue
		}
		if err := p.root.Remove(path.Join(aside.folder, name)); ignore(err, fs.ErrNotExist) != nil {
			return bare("forget count", err)
		}
	}
	if len(aside.trees)+len(aside.others) == 0 {
		return nil
	}
	return p.sync(aside.folder)
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
		if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
			return nil // another delivery deletes it, and wrote its manifest before
		}
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

// writeManifest links a complete, durable file to its name, which fails when the name is taken.
func (p *Plan) writeManifest(folder, tree string, m manifest) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("fileplan: encode count: %w", err)
	}
	name := path.Join(folder, tree+manifestSuffix)
	temporary := name + "." + rand.Text()
	f, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return bare("create count", err)
	}
	_, err = f.Write(body)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return bare("write count", err)
	}
	if err := p.root.Link(temporary, name); ignore(err, fs.ErrExist) != nil {
		return bare("name count", err)
	}
	if err := p.root.Remove(temporary); ignore(err, fs.ErrNotExist) != nil {
		return bare("drop temporary count", err)
	}
	return p.sync(folder)
}

// total sums the manifests of the job's attempts that no stored receipt holds yet.
func (p *Plan) total(e *participants.Erasure) (files int64, err error) {
	aside, err := p.aside(e.Tenant)
	if err != nil {
		return 0, err
	}
	for _, name := range aside.others {
		rest, ours := strings.CutPrefix(name, string(e.Job)+".")
		attemptText, _, _ := strings.Cut(rest, ".")
		attempt, err := strconv.Atoi(attemptText)
		if !ours || err != nil || attempt <= e.Since || !strings.HasSuffix(name, manifestSuffix) {
			continue
		}
		body, err := p.root.ReadFile(path.Join(aside.folder, name))
		if err != nil {
			return 0, bare("read count", err)
		}
		var m manifest
		if err := json.Unmarshal(body, &m); err != nil {
			return 0, participants.Refuse(participants.CodeInternal, "a stored count of files cannot be read")
		}
		files += m.Files
	}
	return files, nil
}

func (p *Plan) at(step string) error {
	if p.stop == nil {
		return nil
	}
	return p.stop(step)
}
