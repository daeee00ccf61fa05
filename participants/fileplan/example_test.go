package fileplan_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bakery-ia/tenant-deletion/participants/fileplan"
)

func Example() {
	root, err := os.MkdirTemp("", "models")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	for _, file := range []string{"tenants/acme/models/bread.pkl", "tenants/acme2/models/cake.pkl"} {
		_ = os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o750)
		_ = os.WriteFile(filepath.Join(root, file), nil, 0o600)
	}
	plan, err := fileplan.New(root, fileplan.Config{Folder: "tenants/{tenant}/models", Name: "model_files"})
	if err != nil {
		panic(err)
	}
	defer func() { _ = plan.Close() }()
	counts, err := plan.Preview(context.Background(), "acme")
	fmt.Println(counts, err)
	// Output: map[model_files:1] <nil>
}
