// Command release does what a release needs and GitHub does not have to do: it
// builds the programs, assembles their images without a docker daemon, pushes
// them, and prepares the files that a release changes or shows. It never ships.
//
// It works on the repository in the current directory:
//
//	go build -C tools/release -o /tmp/release . && /tmp/release build --version v1.2.3 --out dist
//
// The same commit, version and Go release give the same bytes on any machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

const usage = `release COMMAND [FLAG]...

  build     --version V+COMMIT --out DIR     programs for all targets, licences, and checksums
  checksums --out DIR                        checksums.txt of every file in DIR
  image     --version V --out DIR --layout DIR [--emulator]
                                             OCI layout of the image for all its platforms
  archive   --layout DIR --file FILE         the layout as one OCI archive
  push      --layout DIR --to REF            pushes the layout; prints REPOSITORY@DIGEST
  rewrite   --version V --image REF@DIGEST --out DIR
                                             makes every action use the published image and the programs in DIR
  notes     --version V [--image REF@DIGEST] the section of CHANGELOG.md
  moving    --version V                      versions that are to move to V (1.2, 1); released tags on standard input
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong use")

// run executes one command on the repository in the current directory.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var (
		out      = flags.String("out", "", "")
		dir      = flags.String("layout", "", "")
		file     = flags.String("file", "", "")
		to       = flags.String("to", "", "")
		ref      = flags.String("image", "", "")
		emulator = flags.Bool("emulator", false, "")
		v        version
	)
	flags.TextVar(&v, "version", version{}, "")
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	given := func(values ...string) bool {
		for _, value := range values {
			if value == "" {
				return false
			}
		}
		return flags.NArg() == 0
	}
	switch name := args[0]; {
	case name == "build" && given(v.text, *out):
		return build(ctx, ".", v, *out, targets)
	case name == "checksums" && given(*out):
		return checksums(*out)
	case name == "image" && given(v.text, *out, *dir):
		what := action
		if *emulator {
			what = emulated
		}
		digest, err := writeLayout(ctx, ".", what, v, *out, *dir)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, digest)
		return err
	case name == "archive" && given(*dir, *file):
		return archive(*dir, *file)
	case name == "push" && given(*dir, *to):
		pushed, err := push(ctx, *dir, *to)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, pushed)
		return err
	case name == "rewrite" && given(*ref, v.text, *out):
		return rewrite(".", *ref, v, *out)
	case name == "notes" && given(v.text):
		text, err := notes(".", v, *ref)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(stdout, text)
		return err
	case name == "moving" && given(v.text):
		released, err := io.ReadAll(stdin)
		if err != nil {
			return err
		}
		for _, prefix := range moving(v, string(released)) {
			fmt.Fprintln(stdout, prefix)
		}
		return nil
	}
	return errUsage
}
