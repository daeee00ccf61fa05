// Command participant runs one of the bakery's reference services as a process of its own.
package main

import (
	"os"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

func main() { os.Exit(app.Main(app.ParticipantCommand())) }
