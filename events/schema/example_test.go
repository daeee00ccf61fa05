package schema_test

import (
	"encoding/json"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events/schema"
)

// Each document names the version of the event it describes.
func Example() {
	raw, err := schema.Files.ReadFile("tenant.deletion.result.v1.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var document struct {
		ID string `json:"$id"`
	}
	err = json.Unmarshal(raw, &document)
	fmt.Println(document.ID, err)
	// Output: urn:tenant-deletion:tenant.deletion.result:1.0 <nil>
}
