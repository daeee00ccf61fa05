package pglocal

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server runs as. PostgreSQL refuses to run as root.
type account struct {
	name     string
	uid, gid uint32
	drop     bool // we are root and become it
}

// serverAccount is ourselves, or for root the first of postgres and nobody that exists. A number without an entry in the
// user database would not do: initdb looks its name up.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{name: "the current user", uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(errUID, errGID) == nil && uid != 0 {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), drop: true}, nil
		}
	}
	return account{}, errors.New("running as root, PostgreSQL refuses that, and there is neither a user postgres nor nobody")
}

// attributes make a child process run as the account, away from our terminal's signals.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own makes the account the owner of one file or directory; nothing below it is touched.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// reaches says why the account cannot get to a directory: every directory above it must let it pass.
func (a account) reaches(dir string) error {
	if !a.drop {
		return nil
	}
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !a.passes(info) {
			return fmt.Errorf("user %s, who runs the server, cannot enter %s (%s)", a.name, at, info.Mode())
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) passes(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && stat.Uid == a.uid:
		return mode&0o100 != 0
	case ok && stat.Gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
