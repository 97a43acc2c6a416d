package examples

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas are those of the systems. They belong to others and are no part of this
// repository: a checkout that has none beside it goes without this check.
const schemas = "../../shared/schemas"

// TestSchemas checks each pipeline against the schema of its system.
func TestSchemas(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(schemas); err != nil {
		t.Skipf("no schemas in %s: the pipelines are not checked against them", schemas)
	}
	files := map[string]string{"tekton/task.yaml": "tekton-v1-task", "act/workflow.yml": "github-workflows"}
	for _, p := range pipelines() {
		if p.schema != "" {
			files[p.file] = p.schema
		}
	}
	for file, name := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			compiler := jsonschema.NewCompiler()
			// Drone's refers to this one, for parts that are not used here.
			unused := map[string]any{}
			for _, kind := range []string{
				"api.core.v1.HostAlias", "api.core.v1.NodeSelectorTerm", "api.core.v1.PodDNSConfig", "api.core.v1.ResourceRequirements",
				"api.core.v1.Toleration", "apimachinery.pkg.apis.meta.v1.ObjectMeta",
			} {
				unused["io.k8s."+kind] = true
			}
			err := compiler.AddResource("https://json.schemastore.org/kubernetes-definitions.json", map[string]any{"definitions": unused})
			if err != nil {
				t.Fatal(err)
			}
			schema, err := compiler.Compile(filepath.Join(schemas, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, document := range parse(&world{t: t}, read(t, file)) {
				// What YAML reads is not all that JSON knows.
				raw, err := json.Marshal(document.value)
				if err != nil {
					t.Fatal(err)
				}
				var value any
				if err := json.Unmarshal(raw, &value); err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(value); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
