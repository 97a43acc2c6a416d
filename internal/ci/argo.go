package ci

import (
	"encoding/json"
)

// argo is Argo Workflows (argo-workflows.readthedocs.io, "Output Parameters";
// workflow/common/common.go has the variables, which are set in every container).
//
// Output parameters are plain text in the Workflow, output artifacts lie in a
// bucket. Their paths are the template's own: the executor leaves the template in
// /var/run/argo/template.
func argo() kind {
	return kind{
		name:   "argo",
		detect: func(s Environment) bool { return s.get("ARGO_WORKFLOW_NAME") != "" && s.get("ARGO_NODE_ID") != "" },
		open: func(s Environment) System {
			name, public := argoTemplate(s)
			return newSystem(s, "argo", Run{
				Project: join("/", "argo", namespace(s)),
				ID:      s.get("ARGO_WORKFLOW_NAME"),
				Job:     name,
			}, Files{
				Public: append(public, Public{"/var/run/argo", "the executor reads it"}),
				Way:    "use exec; or --lease with a file of an emptyDir volume that the template does not declare as an output",
			})
		},
	}
}

// argoTemplate reads the template's name and the paths that it declares as
// outputs.
func argoTemplate(s Environment) (string, []Public) {
	type output struct {
		Path string `json:"path"`
	}
	var template struct {
		Name    string `json:"name"`
		Outputs struct {
			Parameters []struct {
				ValueFrom output `json:"valueFrom"`
			} `json:"parameters"`
			Artifacts []output `json:"artifacts"`
		} `json:"outputs"`
	}
	text := s.read("/var/run/argo/template")
	if text == "" {
		text = s.get("ARGO_TEMPLATE")
	}
	if json.Unmarshal([]byte(text), &template) != nil {
		return "", nil
	}
	var public []Public
	for _, parameter := range template.Outputs.Parameters {
		public = append(public, Public{parameter.ValueFrom.Path, "output parameters are plain text in the Workflow"})
	}
	for _, artifact := range template.Outputs.Artifacts {
		public = append(public, Public{artifact.Path, "output artifacts are stored for others"})
	}
	return template.Name, public
}
