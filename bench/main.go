// Command bench compares jenkins-token with what people use in its place, against an
// emulated controller, and with its budget:
//
//	go run ./bench            create and revoke one token
//	go run ./bench fleet      many jobs at once on one account
//	go run ./bench size FILE  a binary of the program against budget.json
//
// The first two print the tables of docs/performance.md, and with --svg its picture.
// They need Linux, and name the programs that they do not find.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := start(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == "size" {
		return checkSize(stdout, args[1])
	}
	b := bench{log: stderr}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("runs", 15, "`NUMBER` of times that each program creates and revokes a token")
	svg := flags.String("svg", "", "draw a chart to `FILE`")
	also := flags.String("also", "", "measure another build of jenkins-token, in `FILE`")
	count := flags.Bool("instructions", false, "count the instructions of create, with valgrind")
	fleet := len(args) > 0 && args[0] == "fleet"
	if fleet {
		args = args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("no command %q", flags.Arg(0))
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "jenkins-token-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	// The runs read and write files in memory, where there is such a directory:
	// jenkins-token syncs a lease to the disk, and the disk is not what is compared.
	if b.files, err = os.MkdirTemp("/dev/shm", "jenkins-token-bench-"); err != nil {
		b.files = b.dir
	}
	defer func() { _ = os.RemoveAll(b.files) }()
	if err := b.build(ctx, *also); err != nil {
		return err
	}
	if fleet {
		return b.fleet(ctx, stdout)
	}
	return b.compare(ctx, stdout, *runs, *count, *svg)
}
