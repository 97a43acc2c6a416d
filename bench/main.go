// Command bench measures the product side by side with what one would use in its
// place, and with the least that can be done, against an emulated controller:
//
//	go run ./bench           programs and containers
//	go run ./bench fleet     many jobs at once on one account, and sweep
//	go run ./bench size FILE a binary of the product against budget.json
//
// It runs on Linux and needs Go alone; what else it can measure and does not
// find, it skips by name. docs/performance.md says what came out and how to read
// it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags of both commands.
type options struct {
	json, svg string
	only      string
	also      string

	runs, rounds int
	rtts         string
	instructions bool

	jobs, tokens string
	rate         float64
}

func start(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == "size" {
		return checkSize(stdout, args[1])
	}
	fleet := len(args) > 0 && args[0] == "fleet"
	if fleet {
		args = args[1:]
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.json, "json", "", "write everything to `FILE`")
	if fleet {
		flags.StringVar(&o.jobs, "jobs", "1,10,50,200,1000", "`NUMBERS` of jobs at once")
		flags.StringVar(&o.tokens, "tokens", "0,500,5000", "`NUMBERS` of tokens that the account has before")
		flags.Float64Var(&o.rate, "rate", 0.35, "how often a change is answered 500, though it was made")
	} else {
		flags.StringVar(&o.svg, "svg", "", "draw a chart to `FILE`")
		flags.StringVar(&o.only, "only", "", "measure these `PEERS`, separated by ;")
		flags.StringVar(&o.also, "also", "", "measure another build of the product, in `FILE`")
		flags.IntVar(&o.runs, "runs", 15, "`NUMBER` of runs of each program in each setting")
		flags.IntVar(&o.rounds, "rounds", 30, "`NUMBER` of rounds of containers; 0 for none")
		flags.StringVar(&o.rtts, "rtt", "0,20,100", "round-trip `TIMES` in ms")
		flags.BoolVar(&o.instructions, "instructions", false, "count instructions with valgrind's callgrind")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("no command %q", flags.Arg(0))
	}
	dir, err := os.MkdirTemp("", "jenkins-token-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// What a run reads and writes is in memory where it can be: the product syncs a
	// record to the disk, and the disk is not what is compared.
	files, err := os.MkdirTemp("/dev/shm", "jenkins-token-bench-")
	if err != nil {
		files = dir
	}
	defer func() { _ = os.RemoveAll(files) }()
	r := &report{Machine: thisMachine(), Peers: map[string]string{}, Skipped: map[string]string{}}
	t, err := build(ctx, dir, files)
	if err != nil {
		return err
	}
	if fleet {
		err = r.fleet(ctx, t, o, stderr)
	} else {
		err = r.sideBySide(ctx, t, o, stderr)
	}
	if err != nil {
		return err
	}
	r.judge()
	r.judgeFleet()
	r.write(stdout)
	if o.svg != "" {
		if err := r.writeChart(o.svg); err != nil {
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	return r.writeJSON(o.json)
}

func (r *report) sideBySide(ctx context.Context, t *tools, o options, log io.Writer) error {
	rtts, err := numbers(o.rtts)
	if err != nil {
		return err
	}
	s, err := newStage(t.dir)
	if err != nil {
		return err
	}
	defer s.close()
	b := &bench{tools: t, stage: s, runs: o.runs, log: log}
	all := peers(t)
	if o.also != "" {
		other := all[0]
		other.name = "other build"
		other.argv = func(t *tools, job string) []string { return append([]string{o.also}, all[0].argv(t, job)[1:]...) }
		all = slices.Insert(all, 1, other)
	}
	for _, p := range all {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ";"), p.name) {
			continue
		}
		found, err := p.find(ctx, t)
		if err != nil {
			r.Skipped[p.name] = err.Error()
			continue
		}
		r.Peers[p.name] = found
		b.peers = append(b.peers, p)
	}
	for _, rtt := range rtts {
		for _, as := range []credential{byPassword, byToken} {
			if o.runs == 0 {
				continue
			}
			figures, err := b.measure(ctx, setting{time.Duration(rtt) * time.Millisecond, as})
			if err != nil {
				return err
			}
			r.Figures = append(r.Figures, figures...)
		}
	}
	if o.instructions {
		if r.Instructions, err = b.instructions(ctx); err != nil {
			r.Skipped["instructions"] = err.Error()
		}
	}
	if o.rounds > 0 {
		if r.Containers, err = b.containers(ctx, o.rounds); err != nil {
			r.Skipped["containers"] = err.Error()
		}
	}
	return nil
}

func numbers(list string) ([]int, error) {
	var all []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("not a list of numbers: %q", list)
		}
		all = append(all, n)
	}
	return all, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
