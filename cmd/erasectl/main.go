// Command erasectl is the operator's command: today it runs the local platform and its demonstration.
package main

import (
	"os"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/cmd/internal/erasectl"
)

func main() { os.Exit(app.Main(erasectl.Command())) }
