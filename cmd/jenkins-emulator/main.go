// Command jenkins-emulator keeps an emulated Jenkins controller on a port, for
// trying out clients by hand, from scripts and as a service container. See the
// package jenkinstest for what it emulates.
//
// Where no arguments can be passed, the environment can: --context-path is
// JENKINS_EMULATOR_CONTEXT_PATH, and so on. A flag that can be repeated takes
// one value a line there. Flags win. In a workflow of GitHub's:
//
//	services:
//	  jenkins:
//	    image: ghcr.io/jenkins-token/jenkins-emulator:1
//	    env: {JENKINS_EMULATOR_USER: 'alice:secret', JENKINS_EMULATOR_JOB: deploy}
//	    ports: ['8080:8080']
//
// GitHub waits for the image's health check before the job's first step.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// list collects the values of a flag that can be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// run serves until ctx ends and returns the exit status: 0, 1 when it cannot
// listen, or 2 for wrong arguments. With --check it only asks whether an
// emulator serves there: 0 if so, else 1.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("jenkins-emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	version := flags.String("version", jenkinstest.DefaultVersion, "Jenkins `version` to emulate")
	contextPath := flags.String("context-path", "", "`path` of the controller, such as /jenkins")
	noCrumbs := flags.Bool("no-crumbs", false, "switch the protection against cross-site request forgery off")
	anonymousRead := flags.Bool("anonymous-read", false, "give everybody Overall/Read")
	adminCanGenerate := flags.Bool("admin-can-generate", false, "let administrators create tokens for others")
	realmThrows := flags.Bool("realm-throws", false, "answer 500 to a credential that is not known, as some security realms do")
	noTokenLogins := flags.Bool("no-token-logins", false, "refuse API tokens as logins")
	seed := flags.String("seed", "", "`number` that makes all random values reproducible")
	var users, aliases, admins, noReads, jobs, faults list
	flags.Var(&users, "user", "add a user, as `NAME:PASSWORD`; can be repeated")
	flags.Var(&aliases, "alias", "let the user NAME log in under another name too, as `LOGIN=NAME`, with the password alone; can be repeated")
	flags.Var(&admins, "admin", "make the user `NAME` administrator; can be repeated")
	flags.Var(&noReads, "no-read", "take Overall/Read from the user `NAME`; can be repeated")
	flags.Var(&jobs, "job", "add a job `NAME`; can be repeated")
	flags.Var(&faults, "fault", "inject a fault, as `OP:WHAT[=ARG][*TIMES][@RATE]`; can be repeated")
	check := flags.Bool("check", false, "ask whether an emulator serves at the address, for a container's health check")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	usage := func(err error) int {
		fmt.Fprintln(stderr, "jenkins-emulator:", err)
		return 2
	}
	if err := fromEnvironment(flags, lookup); err != nil {
		return usage(err)
	}
	if flags.NArg() > 0 {
		return usage(fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if *check {
		if err := serves(ctx, *addr, *contextPath); err != nil {
			fmt.Fprintln(stderr, "jenkins-emulator:", err)
			return 1
		}
		return 0
	}
	opts := []jenkinstest.Option{jenkinstest.WithVersion(*version), jenkinstest.WithContextPath(*contextPath)}
	var names []string
	for _, u := range users {
		name, password, ok := strings.Cut(u, ":")
		if !ok {
			return usage(errors.New("--user needs NAME:PASSWORD"))
		}
		names = append(names, name)
		opts = append(opts, jenkinstest.WithUser(name, password))
	}
	for _, alias := range aliases {
		login, name, ok := strings.Cut(alias, "=")
		if !ok {
			return usage(errors.New("--alias needs LOGIN=NAME"))
		}
		opts = append(opts, jenkinstest.WithAlias(name, login))
	}
	if *realmThrows {
		opts = append(opts, jenkinstest.WithThrowingRealm())
	}
	if *noTokenLogins {
		opts = append(opts, jenkinstest.WithoutTokenLogins())
	}
	for _, name := range admins {
		opts = append(opts, jenkinstest.WithAdmin(name))
	}
	for _, name := range noReads {
		opts = append(opts, jenkinstest.WithoutRead(name))
	}
	for _, name := range jobs {
		opts = append(opts, jenkinstest.WithJob(name))
	}
	if *noCrumbs {
		opts = append(opts, jenkinstest.WithoutCrumbs())
	}
	if *anonymousRead {
		opts = append(opts, jenkinstest.WithAnonymousRead())
	}
	if *adminCanGenerate {
		opts = append(opts, jenkinstest.WithAdminCanGenerate())
	}
	if *seed != "" {
		n, err := strconv.ParseUint(*seed, 10, 64)
		if err != nil {
			return usage(fmt.Errorf("--seed: %q is not a number", *seed))
		}
		opts = append(opts, jenkinstest.WithSeed(n))
	}
	j, err := jenkinstest.New(opts...)
	if err != nil {
		return usage(err)
	}
	defer j.Close()
	if err := j.Inject(faults...); err != nil {
		return usage(err)
	}
	var mu sync.Mutex
	j.OnDone(func(r jenkinstest.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "%s %s user=%q via=%s status=%d\n", r.Method, r.Path, r.User, r.Via, r.Status)
	})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, "jenkins-emulator:", err)
		return 1
	}
	fmt.Fprintf(stdout, "http://%s%s users: %s\n", l.Addr(), strings.TrimSuffix(*contextPath, "/"), strings.Join(names, ", "))
	done := make(chan error, 1)
	go func() { done <- j.Serve(l) }()
	select {
	case <-ctx.Done():
		return 0
	case err := <-done:
		if errors.Is(err, http.ErrServerClosed) {
			return 0
		}
		fmt.Fprintln(stderr, "jenkins-emulator:", err)
		return 1
	}
}

// fromEnvironment sets the flags that the arguments did not.
func fromEnvironment(flags *flag.FlagSet, lookup func(string) (string, bool)) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var failed []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "JENKINS_EMULATOR_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		text, ok := lookup(name)
		if !ok || text == "" || given[f.Name] {
			return
		}
		values := []string{text}
		if _, repeated := f.Value.(*list); repeated {
			values = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
		}
		for _, value := range values {
			if err := f.Value.Set(value); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(failed...)
}

// serves asks for the login page on loopback, at the port of addr.
func serves(ctx context.Context, addr, contextPath string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+strings.TrimSuffix(contextPath, "/")+"/login", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the login page says %s", resp.Status)
	}
	return nil
}
