// Package page reads the Markdown documents of the repository, so that tests can
// hold them to the code. Only tests use it.
package page

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// All returns the paths of all documents below root, sorted. Test data and hidden
// directories are left out.
func All(root string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// Hold compares the marked sections of the document at path with what they should
// hold, which its function gives when it is shown the section of today. A section NAME
// is between the lines <!-- NAME --> and <!-- /NAME -->. With update the
// document is rewritten.
func Hold(t testing.TB, path string, update bool, sections map[string]func(today string) string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for name, write := range sections {
		before, rest, opened := strings.Cut(text, "<!-- "+name+" -->\n")
		today, after, closed := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if !opened || !closed {
			t.Errorf("%s: got no section %q", path, name)
			continue
		}
		want := write(today)
		if today != want && !update {
			t.Errorf("%s: section %q is not what the code says: go test with -update writes it\n%s", path, name, difference(today, want))
		}
		text = before + "<!-- " + name + " -->\n" + want + "<!-- /" + name + " -->\n" + after
	}
	if update && text != string(content) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(got, want string) string {
	var b strings.Builder
	one, other := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range one {
		if !slices.Contains(other, line) {
			fmt.Fprintf(&b, "got  %s\n", line)
		}
	}
	for _, line := range other {
		if !slices.Contains(one, line) {
			fmt.Fprintf(&b, "want %s\n", line)
		}
	}
	return b.String()
}

// Table writes a table. Its first row is the head.
func Table(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	return b.String()
}

// Rows reads all tables of a text, without their heads.
func Rows(text string) [][]string {
	var rows [][]string
	body := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			body = false
		case strings.HasPrefix(line, "| ---"):
			body = true
		case body:
			cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00"), "|")
			for i, cell := range cells {
				cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// Words are the words that people wrote into the last column of a table, by its
// first: what no code can say.
func Words(section string) map[string]string {
	words := map[string]string{}
	for _, row := range Rows(section) {
		words[row[0]] = row[len(row)-1]
	}
	return words
}

// Block is a block of code.
type Block struct {
	Language string
	Text     string
	Line     int    // of its first line, in the document
	Comment  string // of HTML, on the line before the block
}

var comment = regexp.MustCompile(`^\s*<!-- (.*) -->$`)

// Blocks returns the fenced blocks of code of a document.
func Blocks(document string) []Block {
	var blocks []Block
	var open *Block
	indent, last := "", ""
	for i, line := range strings.Split(document, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			open = &Block{Language: strings.TrimPrefix(trimmed, "```"), Line: i + 2}
			if found := comment.FindStringSubmatch(last); found != nil {
				open.Comment = found[1]
			}
			indent = line[:strings.Index(line, "`")]
		case open != nil && trimmed == "```":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		}
		last = line
	}
	return blocks
}

// prose is a document without its blocks of code.
func prose(document string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(document) {
		switch fence := strings.HasPrefix(strings.TrimSpace(line), "```"); {
		case fence:
			code = !code
		case !code:
			b.WriteString(line)
		}
	}
	return b.String()
}

var (
	span = regexp.MustCompile("`` (.+?) ``|`([^`\n]+)`")
	link = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// Spans are the code spans of a text, without their backquotes.
func Spans(text string) []string {
	var spans []string
	for _, found := range span.FindAllStringSubmatch(prose(text), -1) {
		spans = append(spans, found[1]+found[2])
	}
	return spans
}

// Links are the targets of a document's links.
func Links(document string) []string {
	var links []string
	for _, found := range link.FindAllStringSubmatch(span.ReplaceAllString(prose(document), ""), -1) {
		links = append(links, found[1])
	}
	return links
}

// Anchors are the names that links can give to the headings of a document, as
// GitHub makes them.
func Anchors(document string) []string {
	var anchors []string
	seen := map[string]int{}
	for line := range strings.Lines(prose(document)) {
		level, heading, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || level == "" || strings.Trim(level, "#") != "" {
			continue
		}
		heading = link.ReplaceAllString(heading, "")
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, heading)
		name := anchor
		if n := seen[anchor]; n > 0 {
			name = fmt.Sprintf("%s-%d", anchor, n)
		}
		seen[anchor]++
		anchors = append(anchors, name)
	}
	return anchors
}
