package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// delays are the round-trip times that are measured.
var delays = []time.Duration{0, 20 * time.Millisecond}

// setting is one measurement of one program.
type setting struct {
	program string
	delay   time.Duration
	as      credential
}

// result is what the runs of a program took.
type result struct {
	ms, cpu  []float64 // of create and revoke, by run
	mib      float64   // peak
	requests int
}

// compare prints what it costs to create and revoke one token.
func (b *bench) compare(ctx context.Context, w io.Writer, runs int, count bool, svg string) error {
	c, err := startController(b.dir)
	if err != nil {
		return err
	}
	defer c.host.close()
	results := map[setting]*result{}
	for _, delay := range delays {
		l, err := newLine(c.address, delay)
		if err != nil {
			return err
		}
		defer l.close()
		for _, as := range []credential{byPassword, byToken} {
			// Programs take turns: what slows the machine for a while slows all of them. The
			// first round fills the caches.
			for round := range runs + 1 {
				fmt.Fprintf(b.log, "\rdelay %v, %s: run %d of %d ", delay, as, round, runs)
				for _, p := range b.programs {
					at := setting{p.name, delay, as}
					if round <= 1 {
						results[at] = &result{}
					}
					if err := b.once(ctx, c, l, p, as, results[at]); err != nil {
						return fmt.Errorf("%s: %w", p.name, err)
					}
				}
			}
			fmt.Fprintln(b.log)
		}
	}
	fmt.Fprintf(w, "Medians of %d runs, with a password, then with an API token. %s, %d cores, %s.\n\n", runs, cpu(), runtime.NumCPU(), runtime.Version())
	row(w, "program", "ms, no network delay", "ms, 20 ms round trip", "processor ms", "peak MiB", "requests")
	row(w, "---", "---", "---", "---", "---", "---")
	for _, p := range b.programs {
		both := func(format string, delay time.Duration, value func(*result) float64) string {
			return fmt.Sprintf(format+", "+format, value(results[setting{p.name, delay, byPassword}]), value(results[setting{p.name, delay, byToken}]))
		}
		took := func(r *result) float64 { return quantile(r.ms, 0.5) }
		row(w, p.name, both("%.0f", delays[0], took), both("%.0f", delays[1], took),
			both("%.0f", delays[0], func(r *result) float64 { return quantile(r.cpu, 0.5) }),
			both("%.1f", delays[0], func(r *result) float64 { return r.mib }),
			both("%.0f", delays[0], func(r *result) float64 { return float64(r.requests) }))
	}
	if count {
		if err := b.instructions(ctx, w, c); err != nil {
			return err
		}
	}
	if svg == "" {
		return nil
	}
	return os.WriteFile(svg, chart(b.programs, results), 0o644)
}

// once creates and revokes one token, and checks with the controller that it existed and
// is gone.
func (b *bench) once(ctx context.Context, c *controller, l *line, p program, as credential, r *result) error {
	env, err := b.environment(c, l, p, as)
	if err != nil {
		return err
	}
	before, took, cpu := len(c.Tokens(username)), 0.0, 0.0
	c.Forget()
	for i, command := range []string{"create", "revoke"} {
		m, err := b.measure(ctx, env, p.command(command))
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		if got, want := len(c.Tokens(username)), before+1-i; got != want {
			return fmt.Errorf("%s: got %d tokens of the account, want %d", command, got, want)
		}
		took, cpu, r.mib = took+m.ms, cpu+m.cpu, max(r.mib, m.mib)
	}
	r.ms, r.cpu, r.requests = append(r.ms, took), append(r.cpu, cpu), len(c.Requests())
	return nil
}

// environment is that of a program, with empty files of a runner.
func (b *bench) environment(c *controller, l *line, p program, as credential) ([]string, error) {
	lease := filepath.Join(b.files, "lease")
	if err := os.RemoveAll(lease); err != nil {
		return nil, err
	}
	for _, name := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(filepath.Join(b.files, name), nil, 0o600); err != nil {
			return nil, err
		}
	}
	return append(c.env(l, as, lease), p.env...), nil
}

// measurement is what the command meter reports.
type measurement struct{ ms, cpu, mib float64 }

func (b *bench) measure(ctx context.Context, env, argv []string) (m measurement, err error) {
	report, writer, err := os.Pipe()
	if err != nil {
		return m, err
	}
	defer report.Close()
	if argv[0], err = exec.LookPath(argv[0]); err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, b.file("meter"), argv...)
	cmd.Env, cmd.ExtraFiles = env, []*os.File{writer}
	out, err := cmd.CombinedOutput()
	_ = writer.Close()
	if err != nil {
		return m, fmt.Errorf("%w\n%s", err, out)
	}
	_, err = fmt.Fscan(report, &m.ms, &m.cpu, &m.mib)
	return measurement{m.ms / 1e6, m.cpu / 1e6, m.mib / 1024}, err
}

var collected = regexp.MustCompile(`Collected : ([0-9]+)`)

// instructions counts those of create, which threads and the random numbers of TLS
// change by about one per cent.
func (b *bench) instructions(ctx context.Context, w io.Writer, c *controller) error {
	l, err := newLine(c.address, 0)
	if err != nil {
		return err
	}
	defer l.close()
	fmt.Fprintf(w, "\nInstructions of create, with a password and with an API token:\n\n")
	for _, p := range b.programs {
		if len(p.env) == 0 && p.name != least {
			continue
		}
		var millions []string
		for _, as := range []credential{byPassword, byToken} {
			var counts []float64
			for range 5 {
				env, err := b.environment(c, l, p, as)
				if err != nil {
					return err
				}
				cmd := exec.CommandContext(ctx, "valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=/dev/null"}, p.command("create")...)...)
				cmd.Env = append(env, "GODEBUG=asyncpreemptoff=1") // callgrind cannot handle Go's signals
				out, err := cmd.CombinedOutput()
				found := collected.FindSubmatch(out)
				if err != nil || found == nil {
					return fmt.Errorf("valgrind: %w\n%s", errors.Join(err, errors.New("no count")), out)
				}
				n, err := strconv.ParseFloat(string(found[1]), 64)
				if err != nil {
					return err
				}
				counts = append(counts, n)
			}
			millions = append(millions, fmt.Sprintf("%.1f million", quantile(counts, 0.5)/1e6))
		}
		fmt.Fprintf(w, "%s: %s\n", p.name, strings.Join(millions, ", "))
	}
	return nil
}

// quantile is 0 without values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func cpu() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	name := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text)
	if name == nil {
		return runtime.GOARCH
	}
	return string(name[1])
}

func row(w io.Writer, cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// chart draws what create and revoke take with a password: one panel for each delay, one
// bar for each program, and the middle half of the runs as a line.
func chart(programs []program, results map[setting]*result) []byte {
	const width, left, right, bar, gap, head = 760, 150, 150, 18, 6, 34
	var b bytes.Buffer
	text := func(x, y int, class, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, html.EscapeString(s))
	}
	y := 30
	text(10, 18, "title", "start", "Create and revoke one token with a password: median, and middle half as a line")
	for _, delay := range delays {
		of := func(p program) []float64 { return results[setting{p.name, delay, byPassword}].ms }
		sorted := slices.SortedFunc(slices.Values(programs), func(a, b program) int {
			return int(quantile(of(a), 0.5) - quantile(of(b), 0.5))
		})
		most := quantile(of(sorted[len(sorted)-1]), 0.75)
		x := func(ms float64) int { return left + int(ms/most*(width-left-right)) }
		y += head
		text(10, y-10, "head", "start", fmt.Sprintf("round trip %v", delay))
		for _, p := range sorted {
			class := "bar"
			if p.name == product {
				class = "ours"
			}
			low, median, high := quantile(of(p), 0.25), quantile(of(p), 0.5), quantile(of(p), 0.75)
			text(left-8, y+13, "label", "end", p.name)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" class="%s"/>`+"\n", left, y, x(median)-left, bar, class)
			fmt.Fprintf(&b, `<path d="M%d %dH%d" class="range"/>`+"\n", x(low), y+bar/2, x(high))
			text(max(x(median), x(high))+6, y+13, "label", "start", fmt.Sprintf("%.0f ms", median))
			y += bar + gap
		}
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>
text { fill: #1f2328 } .title { font-size: 14px; font-weight: bold } .head { font-weight: bold }
.bar { fill: #8c959f } .ours { fill: #1a7f37 } .range { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #3fb950 } .range { stroke: #e6edf3 } }
</style>
%s</svg>
`, width, y+12, b.String())
}
