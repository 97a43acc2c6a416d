package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// picture is an SVG of the documentation.
type picture struct{ file, svg string }

// writePictures makes the pictures of the documentation in a directory.
func writePictures(ctx context.Context, dir string) error {
	all, err := pictures(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := os.WriteFile(filepath.Join(dir, one.file), []byte(one.svg), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pictures are made from what the demo prints and from the page of the emulated Jenkins:
// nothing in them is written by hand but their titles.
func pictures(ctx context.Context) ([]picture, error) {
	text, err := fixedDemo(ctx, nil)
	if err != nil {
		return nil, err
	}
	var page string
	if _, err := fixedDemo(ctx, func(html string) { page = html }); err != nil {
		return nil, err
	}
	tokens, err := listedTokens(page)
	if err != nil {
		return nil, err
	}
	return []picture{
		{"demo.svg", textPicture("Output of the demo: a job creates a token, uses it, and revokes it", strings.Split(strings.TrimSpace(text), "\n"))},
		{"log.svg", textPicture("Log of a job: the action creates a token, a step uses it and prints it as ***, the post step revokes it", jobLog(text))},
		{"tokens.svg", tablePicture("Jenkins' list of the account's API tokens, with the token of the job", tokens)},
	}, nil
}

// fixedDemo is the output of the demo with a fixed clock, address and random numbers.
func fixedDemo(ctx context.Context, page func(string)) (string, error) {
	now := func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }
	var out strings.Builder
	err := run(ctx, &out, stage{
		now: now, random: rand.NewChaCha8([32]byte{}), url: "http://127.0.0.1:8080", page: page,
		options: []jenkinstest.Option{jenkinstest.WithSeed(1), jenkinstest.WithClock(now)},
	})
	return out.String(), err
}

// jobLog are the lines of the job's log in the steps that belong to the job.
func jobLog(text string) []string {
	var lines []string
	job := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 2 && line[1] == '.' {
			job = line[0] == '1' || line[0] == '3' || line[0] == '4'
			if job && len(lines) > 0 {
				lines = append(lines, "")
			}
		}
		if shown, ok := strings.CutPrefix(line, "| "); ok && job {
			lines = append(lines, shown)
		}
	}
	return lines
}

// listedTokens are the cells of the list of tokens on a page of Jenkins 2.548 or later.
func listedTokens(page string) ([][]string, error) {
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for node := range document.Descendants() {
		switch class := attribute(node, "class"); {
		case strings.HasPrefix(class, "token-card "):
			rows = append(rows, nil)
		case len(rows) > 0 && (class == "token-name" || strings.Contains(class, "token-creation") || class == "token-last-used"):
			rows[len(rows)-1] = append(rows[len(rows)-1], firstText(node))
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the page lists no tokens")
	}
	return rows, nil
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// firstText is the first text in an element: the numbers in badges behind it are left out.
func firstText(node *html.Node) string {
	for n := range node.Descendants() {
		if text := strings.Join(strings.Fields(n.Data), " "); n.Type == html.TextNode && text != "" {
			return text
		}
	}
	return ""
}

const (
	columns    = 112 // of text
	charWidth  = 8.43
	lineHeight = 20
	margin     = 20
)

// textPicture shows lines as a terminal does, longer ones wrapped.
func textPicture(title string, lines []string) string {
	var shown []string
	for _, line := range lines {
		shown = append(shown, wrapped(line)...)
	}
	var b strings.Builder
	for i, line := range shown {
		class := ""
		if strings.HasPrefix(line, "uses: ") || strings.HasPrefix(line, "run: ") || strings.HasPrefix(line, "post step") || len(line) > 2 && line[1] == '.' {
			class = ` class="step"`
		}
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\"%s>%s</text>\n", margin, margin+(i+1)*lineHeight-5, class, escaped(line))
	}
	return svg(title, len(shown)*lineHeight+2*margin, b.String())
}

// wrapped breaks a line where it is too long, and goes on under its text.
func wrapped(line string) []string {
	var lines []string
	indent := ""
	if strings.HasPrefix(line, "| ") {
		indent = "| "
	}
	for len([]rune(line)) > columns {
		runes := []rune(line)
		cut := columns
		if space := strings.LastIndex(string(runes[:columns]), " "); space > columns/2 {
			cut = len([]rune(string(runes[:columns])[:space]))
		}
		lines = append(lines, string(runes[:cut]))
		line = indent + "  " + strings.TrimLeft(string(runes[cut:]), " ")
	}
	return append(lines, line)
}

// tablePicture shows the tokens of an account, a card each, as Jenkins does.
func tablePicture(title string, rows [][]string) string {
	const height = 64
	var b strings.Builder
	for i, row := range rows {
		top := margin + i*(height+margin/2)
		fmt.Fprintf(&b, "<rect class=\"card\" x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\" rx=\"8\"/>\n", margin, top, columns*charWidth, height)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" class=\"step\">%s</text>\n", margin+16, top+26, escaped(row[0]))
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" class=\"quiet\">%s</text>\n", margin+16, top+48, escaped(strings.Join(row[1:], " · ")))
	}
	return svg(title, len(rows)*(height+margin/2)-margin/2+2*margin, b.String())
}

func svg(title string, height int, body string) string {
	width := columns*charWidth + 2*margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img">
<title>%s</title>
<style>
rect { fill: #f6f8fa; stroke: #d0d7de }
.card { fill: #ffffff }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; fill: #1f2328; white-space: pre }
.step { font-weight: 600; fill: #0550ae }
.quiet { fill: #59636e }
@media (prefers-color-scheme: dark) {
rect { fill: #161b22; stroke: #3d444d }
.card { fill: #0d1117 }
text { fill: #e6edf3 }
.step { fill: #79c0ff }
.quiet { fill: #9198a1 }
}
</style>
<rect x="0.5" y="0.5" width="%.0f" height="%d" rx="8"/>
%s</svg>
`, width, height, width, height, escaped(title), width-1, height-1, body)
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
