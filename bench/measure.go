package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// span is the middle half of a series of measurements.
type span struct {
	Median float64 `json:"median"`
	Low    float64 `json:"firstQuartile"`
	High   float64 `json:"thirdQuartile"`
}

func spanOf(values []float64) span {
	if len(values) == 0 {
		return span{}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		position := q * float64(len(sorted)-1)
		i := int(position)
		if i+1 == len(sorted) {
			return sorted[i]
		}
		return sorted[i] + (position-float64(i))*(sorted[i+1]-sorted[i])
	}
	return span{at(0.5), at(0.25), at(0.75)}
}

// ratioOf is the median of the ratios of two series that were measured in turn:
// what slows the machine for a while slows both.
func ratioOf(values, to []float64) float64 {
	ratios := make([]float64, min(len(values), len(to)))
	for i := range ratios {
		ratios[i] = values[i] / to[i]
	}
	return spanOf(ratios).Median
}

// figure is what was measured of one peer in one setting.
type figure struct {
	Peer       string     `json:"peer"`
	RTT        string     `json:"rtt"`
	Credential credential `json:"credential"`
	Runs       int        `json:"runs"`

	Create     span    `json:"createMs"`
	Both       span    `json:"createAndRevokeMs"`
	CPU        span    `json:"processorMs"` // of create and revoke
	CreateOver float64 `json:"createOverFloor"`
	BothOver   float64 `json:"createAndRevokeOverFloor"`
	CPUOver    float64 `json:"processorOverFloor"`

	PeakMiB    float64 `json:"peakMiB"`
	CreateSent traffic `json:"createTraffic"`
	RevokeSent traffic `json:"revokeTraffic"`

	creates, boths, cpus []float64
}

// setting is a line and a login.
type setting struct {
	rtt time.Duration
	as  credential
}

// bench measures peers against the emulator.
type bench struct {
	tools *tools
	stage *stage
	peers []peer
	runs  int
	log   io.Writer
}

// measure runs all peers in turn, as often as runs says and once before that for
// the caches.
func (b *bench) measure(ctx context.Context, in setting) ([]figure, error) {
	p, err := newProxy("127.0.0.1", b.stage.target, in.rtt)
	if err != nil {
		return nil, err
	}
	defer p.close()
	figures := make([]figure, len(b.peers))
	for round := range b.runs + 1 {
		fmt.Fprintf(b.log, "\r%v, %s: round %d of %d ", in.rtt, in.as, round, b.runs)
		for i := range b.peers {
			f := &figures[i]
			if err := b.once(ctx, p, &b.peers[i], in, f); err != nil {
				return nil, fmt.Errorf("%s: %w", b.peers[i].name, err)
			}
			if round == 0 {
				*f = figure{Peer: b.peers[i].name, RTT: in.rtt.String(), Credential: in.as, Runs: b.runs}
			}
		}
	}
	fmt.Fprintln(b.log)
	base := slices.IndexFunc(figures, func(f figure) bool { return f.Peer == floor })
	for i := range figures {
		f := &figures[i]
		f.Create, f.Both, f.CPU = spanOf(f.creates), spanOf(f.boths), spanOf(f.cpus)
		if base >= 0 {
			f.CreateOver, f.BothOver = ratioOf(f.creates, figures[base].creates), ratioOf(f.boths, figures[base].boths)
			f.CPUOver = ratioOf(f.cpus, figures[base].cpus)
		}
	}
	return figures, nil
}

// once makes and revokes one token, and checks with the controller that it was
// there and is gone.
func (b *bench) once(ctx context.Context, p *proxy, of *peer, in setting, f *figure) error {
	lease := filepath.Join(b.tools.files, "lease")
	for name, fill := range map[string]bool{"lease": false, "output": true, "state": true, "summary": true} {
		path := filepath.Join(b.tools.files, name)
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if fill {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
		}
	}
	env := append(b.stage.env(p, in.as, lease), of.env...)
	before := len(b.stage.Tokens(username))
	took, cpu := map[string]float64{}, 0.0
	for _, job := range []struct {
		name string
		want int
		sent *traffic
	}{{"create", before + 1, &f.CreateSent}, {"revoke", before, &f.RevokeSent}} {
		var m metered
		sent, err := b.stage.count(p, func() (err error) {
			m, err = b.tools.time(ctx, env, of.argv(b.tools, job.name))
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", job.name, err)
		}
		if got := len(b.stage.Tokens(username)); got != job.want {
			return fmt.Errorf("%s: got %d tokens of the account, want %d", job.name, got, job.want)
		}
		*job.sent, took[job.name], f.PeakMiB = sent, m.ms, max(f.PeakMiB, m.mib)
		cpu += m.cpu
	}
	f.creates = append(f.creates, took["create"])
	f.boths = append(f.boths, took["create"]+took["revoke"])
	f.cpus = append(f.cpus, cpu)
	return nil
}

// metered is what the meter says of one process: wall and processor time in ms,
// peak memory.
type metered struct{ ms, cpu, mib float64 }

// time runs a program under the meter.
func (t *tools) time(ctx context.Context, env, argv []string) (metered, error) {
	result, writer, err := os.Pipe()
	if err != nil {
		return metered{}, err
	}
	defer result.Close()
	cmd := exec.CommandContext(ctx, t.meter, argv...)
	cmd.Env, cmd.ExtraFiles = env, []*os.File{writer}
	out, err := cmd.CombinedOutput()
	_ = writer.Close()
	if err != nil {
		return metered{}, fmt.Errorf("%w\n%s", err, out)
	}
	var wall, cpu, kib float64
	if _, err := fmt.Fscan(result, &wall, &cpu, &kib); err != nil {
		return metered{}, err
	}
	return metered{wall / 1e6, cpu / 1e6, kib / 1024}, nil
}

// find returns the figure of a peer in a setting.
func find(figures []figure, peer string, rtt time.Duration, as credential) (figure, bool) {
	i := slices.IndexFunc(figures, func(f figure) bool {
		return f.Peer == peer && f.RTT == rtt.String() && f.Credential == as
	})
	if i < 0 {
		return figure{}, false
	}
	return figures[i], true
}

// slowest orders figures for a chart.
func slowest(a, b figure) int { return cmp.Compare(b.Both.Median, a.Both.Median) }
