package fileplan

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/bakery-ia/tenant-deletion/participants"
)

const manifestSuffix = ".json"

// manifest is the durable count of a tree; its name says of which job and attempt.
type manifest struct {
	Files int64 `json:"files"`
}

// writeManifest links a complete, durable file to its name, which fails when the name is taken.
func (p *Plan) writeManifest(folder, tree string, m manifest) error {
	temporary, err := p.writeTemporary(folder, tree, m)
	if err != nil {
		return err
	}
	if err := p.root.Link(temporary, path.Join(folder, tree+manifestSuffix)); ignore(err, fs.ErrExist) != nil {
		return bare("name count", err)
	}
	if err := p.root.Remove(temporary); ignore(err, fs.ErrNotExist) != nil {
		return bare("drop temporary count", err)
	}
	return p.sync(folder)
}

// writeTemporary makes a complete, durable manifest that has no name yet that anybody reads.
func (p *Plan) writeTemporary(folder, tree string, m manifest) (string, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("fileplan: encode count: %w", err)
	}
	name := path.Join(folder, tree+manifestSuffix+"."+rand.Text())
	f, err := p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", bare("create count", err)
	}
	_, err = f.Write(body)
	return name, bare("write count", errors.Join(err, f.Sync(), f.Close()))
}

// readManifest matches fs.ErrNotExist when there is none.
func (p *Plan) readManifest(folder, name string) (m manifest, err error) {
	body, err := p.root.ReadFile(path.Join(folder, name))
	if err != nil {
		return m, bare("read count", err)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, participants.Refuse(participants.CodeInternal, "a stored count of files cannot be read")
	}
	return m, nil
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
		m, err := p.readManifest(aside.folder, name)
		if err != nil {
			return 0, err
		}
		files += m.Files
	}
	return files, nil
}
