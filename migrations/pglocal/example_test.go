package pglocal_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
)

func Example() {
	ctx := context.Background()
	cluster, err := pglocal.Start(ctx, pglocal.Config{AllowInstall: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Stop() //nolint:errcheck // the example ends here
	conn, err := pgx.Connect(ctx, cluster.DSN("postgres"))
	if err != nil {
		fmt.Println(err)
		return
	}
	var sum int
	if err := conn.QueryRow(ctx, "SELECT 40 + 2").Scan(&sum); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sum)
	// Output: 42
}
