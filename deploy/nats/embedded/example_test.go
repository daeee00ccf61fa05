package embedded_test

import (
	"context"
	"fmt"
	"os"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// A broker in the process, and a bus over it without a socket.
func Example() {
	dir, err := os.MkdirTemp("", "embedded")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := embedded.Start(embedded.Config{StoreDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Stop()
	b, err := bus.Open(context.Background(), bus.Config{InProcess: server.InProcess()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	fmt.Println(server.Healthy())
	// Output: <nil>
}
