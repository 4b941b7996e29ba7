// Command openapi prints the OpenAPI document of the API, from which the client of the faces is generated.
package main

import (
	"fmt"
	"log"

	"github.com/guichet/guichet/core/api"
)

func main() {
	document, err := api.Description()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(document))
}
