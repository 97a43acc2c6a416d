package main

import (
	"fmt"
	"html"
	"os"
	"slices"
	"strings"
	"time"
)

// writeChart draws create and revoke with a password: a panel for each
// round-trip time, a bar for each program.
func (r *report) writeChart(path string) error {
	const (
		width, left, right = 760, 150, 150
		bar, gap, head     = 18, 6, 34
	)
	var panels [][]figure
	for _, f := range r.Figures {
		if f.Credential != byPassword {
			continue
		}
		if n := len(panels); n > 0 && panels[n-1][0].RTT == f.RTT {
			panels[n-1] = append(panels[n-1], f)
		} else {
			panels = append(panels, []figure{f})
		}
	}
	var b strings.Builder
	y := 30
	text := func(x, y int, class, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, html.EscapeString(s))
	}
	text(10, 18, "title", "start", "Create and revoke one token with a password: median, and middle half as a line")
	for _, panel := range panels {
		slices.SortStableFunc(panel, slowest)
		most := panel[0].Both.High
		rtt, _ := time.ParseDuration(panel[0].RTT)
		ours, _ := find(r.Figures, product, rtt, byPassword)
		y += head
		text(10, y-10, "head", "start", "round trip "+panel[0].RTT)
		for _, f := range slices.Backward(panel) {
			x := func(ms float64) int { return left + int(ms/most*float64(width-left-right)) }
			class := "bar"
			if f.Peer == product {
				class = "ours"
			}
			text(left-8, y+13, "label", "end", f.Peer)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" class="%s"/>`+"\n", left, y, max(1, x(f.Both.Median)-left), bar, class)
			fmt.Fprintf(&b, `<path d="M%d %dH%d" class="range"/>`+"\n", x(f.Both.Low), y+bar/2, x(f.Both.High))
			label := fmt.Sprintf("%.1f ms", f.Both.Median)
			if len(ours.boths) > 0 && f.Peer != product {
				label += fmt.Sprintf(" (%.1f ×)", ratioOf(f.boths, ours.boths))
			}
			text(max(x(f.Both.Median), x(f.Both.High))+6, y+13, "label", "start", label)
			y += bar + gap
		}
	}
	y += 20
	text(10, y, "note", "start", r.Machine.String())
	page := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>
text { fill: #1f2328 } .title { font-size: 14px; font-weight: bold } .head { font-weight: bold } .note { font-size: 10px }
.bar { fill: #8c959f } .ours { fill: #1a7f37 } .range { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #3fb950 } .range { stroke: #e6edf3 } }
</style>
`, width, y+12)
	return os.WriteFile(path, []byte(page+b.String()+"</svg>\n"), 0o644)
}
