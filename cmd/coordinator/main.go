// Command coordinator runs the coordinator of tenant deletions as a process of its own.
package main

import (
	"os"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

func main() { os.Exit(app.Main(app.CoordinatorCommand())) }
