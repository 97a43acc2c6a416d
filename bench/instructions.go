package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// instructionRuns is how often each program is counted: threads and the random
// numbers of TLS change a count by about one per cent.
const instructionRuns = 5

// instructions are those of one create.
type instructions struct {
	Peer       string     `json:"peer"`
	Credential credential `json:"credential"`
	Count      int64      `json:"instructions"`
	Over       float64    `json:"overFloor"`
}

var collected = regexp.MustCompile(`Collected : ([0-9]+)`)

// instructions counts those of the product and of the Go floor.
func (b *bench) instructions(ctx context.Context) ([]instructions, error) {
	if _, err := exec.LookPath("valgrind"); err != nil {
		return nil, errors.New("no valgrind in PATH")
	}
	p, err := newProxy("127.0.0.1", b.stage.target, 0)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var all []instructions
	for _, as := range []credential{byPassword, byToken} {
		counts := map[string][]float64{}
		for range instructionRuns {
			for _, of := range b.peers {
				if of.name != product && of.name != floor {
					continue
				}
				n, err := b.collect(ctx, p, of, as)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", of.name, err)
				}
				counts[of.name] = append(counts[of.name], n)
			}
		}
		for _, name := range []string{floor, product} {
			all = append(all, instructions{name, as, int64(spanOf(counts[name]).Median), ratioOf(counts[name], counts[floor])})
		}
	}
	return all, nil
}

func (b *bench) collect(ctx context.Context, p *proxy, of peer, as credential) (float64, error) {
	lease := filepath.Join(b.tools.files, "lease")
	_ = os.Remove(lease)
	for _, name := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(filepath.Join(b.tools.files, name), nil, 0o600); err != nil {
			return 0, err
		}
	}
	// Callgrind does not stand the signals by which Go interrupts goroutines.
	env := slices.Concat(b.stage.env(p, as, lease), of.env, []string{"GODEBUG=asyncpreemptoff=1"})
	cmd := exec.CommandContext(ctx, "valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=/dev/null"}, of.argv(b.tools, "create")...)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	m := collected.FindSubmatch(out)
	if m == nil {
		return 0, errors.New("callgrind told no count")
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
