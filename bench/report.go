package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// report is everything that one run has found.
type report struct {
	Machine      machine            `json:"machine"`
	Peers        map[string]string  `json:"peers"`
	Skipped      map[string]string  `json:"skipped,omitempty"`
	Figures      []figure           `json:"figures,omitempty"`
	Instructions []instructions     `json:"instructions,omitempty"`
	Containers   []containerFigure  `json:"containers,omitempty"`
	Fleet        []fleetFigure      `json:"fleet,omitempty"`
	Growth       []growthFigure     `json:"growth,omitempty"`
	Targets      map[string]verdict `json:"targets,omitempty"`
}

// verdict is a target and what came of it.
type verdict struct {
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

func (r *report) writeJSON(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// write prints the report as tables of Markdown.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "Measured on: %s.\n", r.Machine)
	for _, name := range sortedKeys(r.Peers) {
		if r.Peers[name] != "" {
			fmt.Fprintf(w, "%s: %s\n", name, r.Peers[name])
		}
	}
	for _, name := range sortedKeys(r.Skipped) {
		fmt.Fprintf(w, "skipped: %s: %s\n", name, r.Skipped[name])
	}
	var last setting
	for i, f := range r.Figures {
		rtt, _ := time.ParseDuration(f.RTT)
		if now := (setting{rtt, f.Credential}); i == 0 || now != last {
			last = now
			fmt.Fprintf(w, "\nRound trip %s, %s, median and middle half of %d runs:\n\n", f.RTT, f.Credential, f.Runs)
			table(w, "program", "create ms", "× Go floor", "create and revoke ms", "× Go floor", "of that processor ms", "× Go floor", "peak MiB", "requests", "connections", "kB on the line")
		}
		row(w, f.Peer, f.Create.String(), times(f.CreateOver), f.Both.String(), times(f.BothOver), f.CPU.String(), times(f.CPUOver), fmt.Sprintf("%.1f", f.PeakMiB),
			fmt.Sprintf("%d + %d", f.CreateSent.Requests, f.RevokeSent.Requests),
			fmt.Sprintf("%d + %d", f.CreateSent.Connections, f.RevokeSent.Connections),
			fmt.Sprintf("%.1f + %.1f", float64(f.CreateSent.Bytes)/1e3, float64(f.RevokeSent.Bytes)/1e3))
	}
	if len(r.Instructions) > 0 {
		fmt.Fprintf(w, "\nInstructions (callgrind, median of %d):\n\n", instructionRuns)
		table(w, "program", "login", "million", "× Go floor")
		for _, i := range r.Instructions {
			row(w, i.Peer, string(i.Credential), fmt.Sprintf("%.1f", float64(i.Count)/1e6), times(i.Over))
		}
	}
	if len(r.Containers) > 0 {
		fmt.Fprintf(w, "\nContainers, docker run --rm, %d interleaved rounds:\n\n", r.Containers[0].Runs)
		table(w, "container", "ms", "− empty, ms", "slower than empty", "p")
		for _, c := range r.Containers {
			row(w, c.Name, c.Took.String(), c.Difference.String(), fmt.Sprintf("%d of %d", c.Slower, c.Runs), fmt.Sprintf("%.3f", c.P))
		}
	}
	r.writeFleet(w)
	if len(r.Targets) > 0 {
		fmt.Fprintf(w, "\nTargets:\n\n")
		table(w, "what", "target", "got", "")
		for _, name := range sortedKeys(r.Targets) {
			v := r.Targets[name]
			row(w, name, v.Want, v.Got, map[bool]string{true: "met", false: "missed"}[v.Met])
		}
	}
}

func (s span) String() string { return fmt.Sprintf("%.1f (%.1f–%.1f)", s.Median, s.Low, s.High) }

func times(ratio float64) string { return fmt.Sprintf("%.2f", ratio) }

func table(w io.Writer, heads ...string) {
	row(w, heads...)
	row(w, strings.Split(strings.Repeat("---,", len(heads)-1)+"---", ",")...)
}

func row(w io.Writer, cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// judge compares the figures with the targets that docs/performance.md states.
func (r *report) judge() {
	r.Targets = map[string]verdict{}
	atMost := func(name, unit string, got, want float64) {
		r.Targets[name] = verdict{fmt.Sprintf("≤ %.4g%s", want, unit), fmt.Sprintf("%.3g%s", got, unit), got <= want}
	}
	atLeast := func(name string, got, want float64) {
		r.Targets[name] = verdict{fmt.Sprintf("≥ %.4g ×", want), fmt.Sprintf("%.3g ×", got), got >= want}
	}
	for _, as := range []credential{byPassword, byToken} {
		for _, target := range []struct {
			rtt  time.Duration
			want float64
		}{{0, 6}, {20 * time.Millisecond, 1.8}} {
			ours, ok := find(r.Figures, product, target.rtt, as)
			theirs, ok2 := find(r.Figures, shell, target.rtt, as)
			if ok && ok2 {
				atLeast(fmt.Sprintf("create and revoke, faster than the shell recipe at %v, %s", target.rtt, as), ratioOf(theirs.boths, ours.boths), target.want)
			}
		}
		if ours, ok := find(r.Figures, product, 0, as); ok {
			if ours.CreateOver > 0 {
				atMost(fmt.Sprintf("create over the Go floor in time, %s", as), " ×", ours.CreateOver, 1.25)
			}
			atMost(fmt.Sprintf("peak memory, %s", as), " MiB", ours.PeakMiB, 16)
		}
	}
	for _, i := range r.Instructions {
		if i.Peer == product {
			atMost(fmt.Sprintf("create over the Go floor in instructions, %s", i.Credential), " ×", i.Over, 1.15)
		}
	}
	for _, c := range r.Containers {
		if c.Name == product {
			r.Targets["container not to be told from an empty one"] = verdict{"p > 0.05", fmt.Sprintf("p = %.3f", c.P), c.P > 0.05}
		}
	}
}
