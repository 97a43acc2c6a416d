// Package docs compares the documents with the code: action files, links, YAML,
// shell, error texts and style. Commands, settings, JSON keys, exit codes and
// limits are compared with reference.md in internal/command. With -update, go test
// rewrites the marked sections.
package docs

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jenkins-token/jenkins-token/internal/page"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

var update = flag.Bool("update", false, "rewrite the marked sections of the documents")

// action is what an action.yml declares, in its order.
type action struct {
	Inputs  entries `yaml:"inputs"`
	Outputs entries `yaml:"outputs"`
}

type entry struct {
	Name        string
	Description string `yaml:"description"`
	Default     string `yaml:"default"`
	Required    bool   `yaml:"required"`
}

// entries keep the order in which they are written.
type entries []entry

func (e *entries) UnmarshalYAML(node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		one := entry{}
		if err := node.Content[i+1].Decode(&one); err != nil {
			return err
		}
		one.Name = node.Content[i].Value
		*e = append(*e, one)
	}
	return nil
}

func (e entries) names() []string {
	var names []string
	for _, one := range e {
		names = append(names, one.Name)
	}
	return names
}

func readAction(t *testing.T, dir string) action {
	t.Helper()
	var a action
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join("..", dir, "action.yml"))), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestInputs: the inputs of the three actions are the settings of the program, in
// the same order and with the same descriptions.
func TestInputs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dir     string
		creates bool     // has the settings of a new token
		own     []string // inputs that are not settings
	}{
		{dir: ".", creates: true},
		{dir: "revoke", own: []string{"token-uuid"}},
		{dir: "sweep", own: []string{"project", "run", "label", "dry-run"}},
	} {
		t.Run(test.dir, func(t *testing.T) {
			t.Parallel()
			got := readAction(t, test.dir).Inputs
			var names []string
			for _, s := range settings.All() {
				if s.Creates && !test.creates {
					continue
				}
				names = append(names, s.Name)
				want := entry{s.Name, s.Description, s.Default, s.Name == "url"}
				if i := slices.Index(got.names(), s.Name); i >= 0 && got[i] != want {
					t.Errorf("got %+v, want %+v", got[i], want)
				}
			}
			if want := append(names, test.own...); !slices.Equal(got.names(), want) {
				t.Errorf("got %q, want %q", got.names(), want)
			}
			for _, input := range got {
				if input.Description == "" {
					t.Errorf("%s: got no description", input.Name)
				}
			}
		})
	}
}

// TestReadme: the tables of the README are those of action.yml.
func TestReadme(t *testing.T) {
	t.Parallel()
	a := readAction(t, ".")
	inputs := [][]string{{"input", "default", "meaning"}}
	for _, input := range a.Inputs {
		value := ""
		switch {
		case input.Required:
			value = "required"
		case input.Default != "":
			value = "`" + input.Default + "`"
		}
		inputs = append(inputs, []string{"`" + input.Name + "`", value, input.Description})
	}
	outputs := [][]string{{"output", "meaning"}}
	for _, output := range a.Outputs {
		outputs = append(outputs, []string{"`" + output.Name + "`", output.Description})
	}
	page.Hold(t, "../README.md", *update, map[string]func(string) string{
		"inputs":  func(string) string { return page.Table(inputs...) },
		"outputs": func(string) string { return page.Table(outputs...) },
	})
}

// documents are all pages of the repository by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := page.All("..")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		texts[path] = read(t, path)
	}
	return texts
}

// TestLinks: links to files and headings lead somewhere. Links to other sites are
// not checked.
func TestLinks(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	for path, text := range texts {
		for _, link := range page.Links(text) {
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: there is no such file", path, link)
				continue
			}
			if anchor != "" && !slices.Contains(page.Anchors(texts[target]), anchor) {
				t.Errorf("%s: %s: there is no such heading", path, link)
			}
		}
	}
}

// TestEveryPageIsFound: every page can be reached from the README.
func TestEveryPageIsFound(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	found, next := map[string]bool{}, []string{"../README.md"}
	for len(next) > 0 {
		path := next[0]
		next = next[1:]
		if _, exists := texts[path]; !exists || found[path] {
			continue
		}
		found[path] = true
		for _, link := range page.Links(texts[path]) {
			file, _, _ := strings.Cut(link, "#")
			next = append(next, filepath.Join(filepath.Dir(path), file))
		}
	}
	for path := range texts {
		// The release writes licenses.md.
		if !found[path] && filepath.Base(path) != "licenses.md" {
			t.Errorf("%s: got no way to it from the README", path)
		}
	}
}

var expression = regexp.MustCompile(`steps\.([A-Za-z0-9_-]+)\.outputs\.([A-Za-z0-9_-]+)`)

// TestWorkflows: every step that uses our actions, in a document, an example or a
// workflow, has existing inputs and outputs.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for path, text := range documents(t) {
		for _, block := range page.Blocks(text) {
			if block.Language == "yaml" {
				texts[path+" "+strings.SplitN(block.Text, "\n", 2)[0]] = block.Text
			}
		}
	}
	for _, pattern := range []string{"../examples/*/*.yml", "../.github/workflows/*.yml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			texts[path] = read(t, path)
		}
	}
	ours := 0
	for name, text := range texts {
		var node yaml.Node
		decoder := yaml.NewDecoder(strings.NewReader(text))
		if err := decoder.Decode(&node); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ids := map[string]entries{}
		for _, s := range steps(&node) {
			uses, _, _ := strings.Cut(s.Uses, "@")
			dir, ok := strings.CutPrefix(uses+"/", "jenkins-token/jenkins-token/")
			if !ok {
				continue
			}
			ours++
			a := readAction(t, dir)
			ids[s.ID] = a.Outputs
			for input := range s.With {
				if !slices.Contains(a.Inputs.names(), input) {
					t.Errorf("%s: %s has no input %s", name, s.Uses, input)
				}
			}
			for _, input := range a.Inputs {
				if _, given := s.With[input.Name]; input.Required && !given {
					t.Errorf("%s: %s: got no input %s", name, s.Uses, input.Name)
				}
			}
		}
		for _, found := range expression.FindAllStringSubmatch(text, -1) {
			if outputs, known := ids[found[1]]; known && !slices.Contains(outputs.names(), found[2]) {
				t.Errorf("%s: the action has no output %s", name, found[2])
			}
		}
	}
	if ours == 0 {
		t.Error("got no step that uses the action")
	}
}

// step is a step of a workflow.
type step struct {
	ID   string         `yaml:"id"`
	Uses string         `yaml:"uses"`
	With map[string]any `yaml:"with"`
}

// steps are all mappings that are a step with a uses, at any depth: a snippet is
// not always a whole workflow.
func steps(node *yaml.Node) []step {
	var found []step
	if node.Kind == yaml.MappingNode {
		var s step
		if node.Decode(&s) == nil && s.Uses != "" {
			found = append(found, s)
		}
	}
	for _, child := range node.Content {
		found = append(found, steps(child)...)
	}
	return found
}

// TestPromisesAreProved: each promise of security.md names tests that exist.
func TestPromisesAreProved(t *testing.T) {
	t.Parallel()
	exist := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, found := range declared.FindAllStringSubmatch(read(t, path), -1) {
			exist[found[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(read(t, "security.md"), "<!-- promises -->")
	table, _, _ = strings.Cut(table, "<!-- /promises -->")
	rows := page.Rows(table)
	if len(rows) < 10 {
		t.Fatalf("got %d promises", len(rows))
	}
	for _, row := range rows {
		tests := page.Spans(row[1])
		if len(tests) == 0 {
			t.Errorf("%s: no test is named", row[0])
		}
		for _, name := range tests {
			if !exist[name] {
				t.Errorf("%s: there is no test %s", row[0], name)
			}
		}
	}
}
