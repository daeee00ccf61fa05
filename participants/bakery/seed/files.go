package seed

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
)

// Bounds of a model's size: small, as what counts is the number of files.
const (
	modelBytesMin = 1 << 10
	modelBytesMax = 4 << 10
)

// artifactName is the file of the ith artifact, in its row and on disk.
func artifactName(b []byte, _ *random, r row) []byte {
	return append(appendPadded(append(b, "model-"...), r.i+1, 5), ".pkl"...)
}

// writeFiles puts a pickle and its description beside each other for every artifact row, and returns how many files each
// tenant got. What is there by the same name is written again.
func writeFiles(opts Options) (int64, error) {
	training, err := bakery.ByName(string(trainingService))
	if err != nil {
		return 0, err
	}
	artifacts := int(Rows(trainingService, opts.Profile)[artifactTable])
	for _, tenant := range opts.Tenants {
		below := strings.ReplaceAll(training.Files.Folder, "{tenant}", string(tenant))
		folder := filepath.Join(opts.FilesRoot, filepath.FromSlash(below))
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return 0, err
		}
		if err := writeModels(folder, tenant, opts.Seed, artifacts); err != nil {
			return 0, err
		}
	}
	return int64(2 * artifacts), nil
}

func writeModels(folder string, tenant events.TenantID, seed int64, artifacts int) error {
	x := random(mix(uint64(seed)) ^ hash(string(tenant))) //nolint:gosec // any 64 bits are a seed
	for i := range artifacts {
		name := filepath.Join(folder, string(artifactName(nil, nil, row{i: i})))
		model := pickle(&x)
		if err := os.WriteFile(name, model, 0o640); err != nil {
			return err
		}
		description := fmt.Sprintf("{\"model\": %d, \"algorithm\": \"prophet\", \"bytes\": %d}\n", i+1, len(model))
		if err := os.WriteFile(name+".json", []byte(description), 0o640); err != nil {
			return err
		}
	}
	return nil
}

// pickle is a bytes object in Python's pickle protocol 4, which any reader opens.
func pickle(x *random) []byte {
	n := modelBytesMin + x.below(modelBytesMax-modelBytesMin)
	b := append(make([]byte, 0, n+16), 0x80, 4, 'B')
	b = binary.LittleEndian.AppendUint32(b, uint32(n)) //nolint:gosec // bounded above
	for range n {
		b = append(b, byte(x.next()))
	}
	return append(b, '.')
}
