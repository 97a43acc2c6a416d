package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// program is the program at a controller, as exec with these arguments.
func program(t *testing.T, server *jenkinstest.Server, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("jenkins-token")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"exec"}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
		"JENKINS_URL=" + server.URL, "JENKINS_USERNAME=alice", "JENKINS_PASSWORD=correct horse",
	}
	return cmd
}

func controller(t *testing.T) *jenkinstest.Server {
	t.Helper()
	server := jenkinstest.Start(t, jenkinstest.WithUser("alice", "correct horse"))
	t.Cleanup(func() {
		if left := server.Tokens("alice"); len(left) != 0 {
			t.Errorf("got %d tokens at the end, want none", len(left))
		}
	})
	return server
}

// code is the exit code of a program that ran.
func code(t *testing.T, err error) int {
	t.Helper()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

// The program and the command are of one user, and not of root, who may read
// everything on a host.
func TestTheCommandCannotReadTheProgramsEnvironment(t *testing.T) {
	t.Parallel()
	const script = `
		cat /proc/$PPID/environ >/dev/null 2>&1 && echo "the program: readable" || echo "the program: refused"
		sh -c 'cat /proc/$PPID/environ >/dev/null 2>&1 && echo "a shell: readable" || echo "a shell: refused"; :'`
	cmd := program(t, controller(t), "--", "sh", "-c", script)
	if os.Getuid() == 0 {
		// Neither the test's directory nor go's is one that another user may enter.
		dir, err := os.MkdirTemp("", "jenkins-token-test-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		// Copied by another process, because a file cannot be run while a child of this
		// one, forked meanwhile, has it open for writing.
		copied := exec.CommandContext(t.Context(), "cp", cmd.Path, filepath.Join(dir, "jenkins-token"))
		if err := errors.Join(os.Chmod(dir, 0o755), copied.Run()); err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Dir = filepath.Join(dir, "jenkins-token"), "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), "the program: refused\na shell: readable\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Between its start and its first instruction another process of the same user can read
// the environment of a program that the user can read.
func TestAnUnreadableCopyIsProtectedFromTheStart(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can install for another user")
	}
	dir, err := os.MkdirTemp("", "jenkins-token-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path, err := exec.LookPath("jenkins-token")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), exec.CommandContext(t.Context(), path, "install", "--unreadable", dir).Run()); err != nil {
		t.Fatal(err)
	}
	const script = `
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			env JENKINS_PASSWORD=stolen ./jenkins-token version >/dev/null &
			while kill -0 $! 2>/dev/null; do cat /proc/$!/environ 2>/dev/null | grep -a stolen; done
			wait $!
		done; echo done`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err != nil || string(out) != "done\n" {
		t.Errorf("got %q, %v, want nothing read", out, err)
	}
}

func TestASignalWhileTheTokenIsMadeUndoesIt(t *testing.T) {
	t.Parallel()
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			server := controller(t)
			if err := server.Inject("create:delay=1s"); err != nil {
				t.Fatal(err)
			}
			started := filepath.Join(t.TempDir(), "started")
			cmd := program(t, server, "--", "touch", started)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			until(t, func() bool { return len(server.Tokens("alice")) == 1 })
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if got := code(t, <-ended); got != want {
				t.Errorf("got exit code %d, want %d", got, want)
			}
			if _, err := os.Stat(started); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the command was started after the signal: %v", err)
			}
		})
	}
}

// The controller revokes the token and never says so.
func TestTwoSignalsWhileTheTokenIsRevokedLeaveAtOnce(t *testing.T) {
	t.Parallel()
	// Of two signals sent at once either may arrive first.
	for script, want := range map[string][]int{"exit 0": {130, 143}, "exit 9": {9}} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			server := controller(t)
			if err := server.Inject("revoke:delay=1h*9"); err != nil {
				t.Fatal(err)
			}
			cmd := program(t, server, "--", "sh", "-c", script)
			var words bytes.Buffer
			cmd.Stderr = &words
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool {
				return slices.ContainsFunc(server.Requests(), func(r jenkinstest.Request) bool { return strings.HasSuffix(r.Path, "/revoke") })
			})
			for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			if got := code(t, cmd.Wait()); !slices.Contains(want, got) {
				t.Errorf("got exit code %d, want one of %d", got, want)
			}
			if got := words.String(); !strings.Contains(got, "was not revoked: interrupted by a signal; or revoke it at ") {
				t.Errorf("got %q, want what is left", got)
			}
		})
	}
}

// until returns when something that other processes do has happened.
func until(t *testing.T, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-t.Context().Done():
			t.Fatal("it did not happen")
		case <-tick.C:
		}
	}
}

func TestAsProcessOneItReapsOrphans(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a new space of process numbers needs root; e2e has the same in a container")
	}
	server := controller(t)
	const script = `
		i=0; while [ $i -lt 20 ]; do sh -c 'sh -c "exit 3" &'; i=$((i+1)); done
		echo ready; read line; exit 7`
	cmd := program(t, server, "--", "sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v, want ready", line, err)
	}
	until(t, func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		return err != nil || !zombies(strings.Fields(string(children)))
	})
	_, _ = io.WriteString(stdin, "end\n")
	if got := code(t, cmd.Wait()); got != 7 {
		t.Errorf("got exit code %d, want 7", got)
	}
}

func zombies(pids []string) bool {
	for _, pid := range pids {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		if strings.Contains(string(stat), ") Z ") {
			return true
		}
	}
	return false
}

// openTerminal makes a terminal, and returns its two ends.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals can be made here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// On a terminal Control-C reaches the command once, by the terminal, and as often
// as its user likes; what it prints is left alone.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	server := controller(t)
	master, slave := openTerminal(t)
	const script = `
		n=0; trap 'n=$((n+1)); echo "interrupt $n"' INT
		trap 'echo "in all $n"; exit 6' USR1
		test -t 0 && test -t 1 && test -t 2 && echo "token $JENKINS_API_TOKEN of $PPID"
		while :; do sleep 0.01; done`
	cmd := program(t, server, "--", "sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(master)
	expect := func(text string) string {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return lines.Text()
			}
		}
		t.Fatalf("got the end of the output, want a line with %q", text)
		return ""
	}
	if got := expect("token 11"); strings.Contains(got, "***") {
		t.Errorf("got %q, want it unchanged", got)
	}
	for _, want := range []string{"interrupt 1", "interrupt 2", "interrupt 3"} {
		if _, err := master.Write([]byte{3}); err != nil {
			t.Fatal(err)
		}
		expect(want)
	}
	// Signals from elsewhere go on; whatever was passed on before has arrived.
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	expect("in all 3")
	expect("is revoked")
	if got := code(t, cmd.Wait()); got != 6 {
		t.Errorf("got exit code %d, want 6", got)
	}
}

// A CI agent that gives the job a terminal publishes what is written to it: the
// command still has a terminal, of the same size, and the token is redacted.
func TestOnATerminalOfAnAgent(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"Buildkite": "BUILDKITE=true", "docker run -t": "CI=true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := controller(t)
			master, slave := openTerminal(t)
			resize := func(rows, columns uint16) {
				if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
					t.Fatal(err)
				}
			}
			resize(40, 132)
			const script = `
				exec 3>&1 4>&2
				trap 'echo "now $(stty size <&3)"' WINCH
				trap 'echo interrupted; exit 6' INT
				test -t 0 && test -t 1 && test -t 2 && echo "terminals of $(stty size <&3), $(stty size <&4)"
				printf 'token %s\nerror %s\n' "$JENKINS_API_TOKEN" "$JENKINS_API_TOKEN" >&2
				printf '%s:%s' "$JENKINS_USER_ID" "$JENKINS_API_TOKEN" | base64 -w 20
				echo ready
				while :; do sleep 0.01; done`
			cmd := program(t, server, "--", "sh", "-c", script)
			cmd.Env = append(cmd.Env, env)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var published strings.Builder
			lines := bufio.NewScanner(io.TeeReader(master, &published))
			expect := func(text string) {
				t.Helper()
				for lines.Scan() {
					if strings.Contains(lines.Text(), text) {
						return
					}
				}
				t.Fatalf("got %q, want a line with %q", published.String(), text)
			}
			expect("terminals of 40 132, 40 132")
			expect("token ***")
			expect("error ***")
			expect("ready")
			token := server.Tokens("alice")[0].Value
			resize(50, 100)
			expect("now 50 100")
			if _, err := master.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
			if got := code(t, cmd.Wait()); got != 6 {
				t.Errorf("got exit code %d, want 6", got)
			}
			// Now nobody holds the terminal, and the rest of what was published has an end.
			_ = slave.Close()
			for lines.Scan() {
			}
			if !strings.Contains(published.String(), "interrupted") || strings.Count(published.String(), "is revoked") != 1 {
				t.Errorf("got %q published, want the command's word and, once, that the token is revoked", published.String())
			}
			text := strings.NewReplacer("\r", "", "\n", "").Replace(published.String())
			for _, mask := range secret.Masks("alice", secret.New(token)) {
				if strings.Contains(text, mask.Reveal()) {
					t.Errorf("got %q published, which holds the token", text)
				}
			}
			if strings.Contains(published.String(), "\r\r") {
				t.Errorf("got line ends changed twice: %q", published.String())
			}
		})
	}
}

// What an agent publishes of a command is what the command prints to its terminals, and
// nothing that it writes elsewhere can get there: not by its input, not by /dev/tty, and
// not by what it leaves running. The agent's own redactor is told about the token.
func TestNoOtherWayToTheLogOfAnAgent(t *testing.T) {
	t.Parallel()
	server := controller(t)
	master, slave := openTerminal(t)
	agent := t.TempDir()
	const tool = "#!/bin/sh\necho \"$*\" >\"${0%/*}/arguments\"; cat >\"${0%/*}/texts\"\n"
	if err := os.WriteFile(filepath.Join(agent, "buildkite-agent"), []byte(tool), 0o700); err != nil {
		t.Fatal(err)
	}
	const script = `
		echo "input: $JENKINS_API_TOKEN" >&0
		echo "terminal: $JENKINS_API_TOKEN" >/dev/tty
		read line; echo "read $line of $JENKINS_API_TOKEN"
		set -m; sh -c 'exit 7' & wait $!; echo "a job ended with $?"
		(trap '' TERM; echo "left running: $JENKINS_API_TOKEN"; sleep 3600) & echo "process $!"
		printf 'no line end %s' "$JENKINS_API_TOKEN"
		exit 4`
	cmd := program(t, server, "--", "sh", "-c", script)
	cmd.Env = append(cmd.Env, "BUILDKITE=true", "PATH="+agent+":"+os.Getenv("PATH"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString("a line\n"); err != nil {
		t.Fatal(err)
	}
	// Our end of the terminal stays open: what is published ends with these words.
	var published strings.Builder
	for buffer := make([]byte, 4096); !strings.Contains(published.String(), "is revoked"); {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("got %q, %v", published.String(), err)
		}
		published.Write(buffer[:n])
	}
	if got := code(t, cmd.Wait()); got != 4 {
		t.Errorf("got exit code %d, want 4", got)
	}
	text := published.String()
	for _, want := range []string{"/dev/tty: No such device or address", "read a line of ***", "a job ended with 7", "left running: ***", "no line end ***"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want it with %q", text, want)
		}
	}
	_, rest, _ := strings.Cut(text, "process ")
	pid, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("got %q, %v, want that what the command left running still runs", text, err)
	}
	arguments, err := os.ReadFile(filepath.Join(agent, "arguments"))
	texts, err2 := os.ReadFile(filepath.Join(agent, "texts"))
	if errors.Join(err, err2) != nil || string(arguments) != "redactor add --format json\n" {
		t.Fatalf("got %q, %v, %v, want the agent's redactor called", arguments, err, err2)
	}
	var told map[string]string
	if err := json.Unmarshal(texts, &told); err != nil || len(told) == 0 {
		t.Fatalf("got %q, %v, want the masks", texts, err)
	}
	for _, mask := range told {
		if strings.Contains(strings.NewReplacer("\r", "", "\n", "").Replace(text), mask) {
			t.Errorf("got %q, which shows %q", text, mask)
		}
	}
}

// A job that is cancelled is killed soon, even when its command ignores the request
// to end: the token is revoked before.
func TestATokenIsRevokedWhileItsCommandIgnoresTheEnd(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			server := controller(t)
			end := filepath.Join(t.TempDir(), "end")
			cmd := program(t, server, "--", "sh", "-c", `trap '' INT TERM; echo ready; until test -e "$0"; do sleep 0.01; done; exit 5`, end)
			cmd.Env = append(cmd.Env, "BUILDKITE=true")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var messages bytes.Buffer
			cmd.Stderr = &messages
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
				t.Fatalf("got %q, %v", line, err)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return len(server.Tokens("alice")) == 0 })
			if err := os.WriteFile(end, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := code(t, cmd.Wait()); got != 5 {
				t.Errorf("got exit code %d, want the command's 5", got)
			}
			if n := strings.Count(messages.String(), "is revoked"); n != 1 {
				t.Errorf("got %q, want the revocation said once", &messages)
			}
			if n := server.RefusedLogins(); n != 0 {
				t.Errorf("got %d refused logins, want none", n)
			}
		})
	}
}

// A controller that is away while the command is asked to end may be back when it has
// ended.
func TestARevocationThatFailsIsTriedAgainAtTheEnd(t *testing.T) {
	t.Parallel()
	server := controller(t)
	end := filepath.Join(t.TempDir(), "end")
	cmd := program(t, server, "--", "sh", "-c", `trap '' TERM; echo ready; until test -e "$0"; do sleep 0.01; done; exit 5`, end)
	cmd.Env = append(cmd.Env, "BUILDKITE=true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	words, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if err := server.Inject("any:status=503*1000000"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(words)
	said := 0
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "this is tried again when the command has ended") {
			server.Calm()
			if err := os.WriteFile(end, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasSuffix(lines.Text(), "is revoked") {
			said++
		}
	}
	if got := code(t, cmd.Wait()); got != 5 || said != 1 {
		t.Errorf("got exit code %d and the revocation said %d times, want the command's 5, and once", got, said)
	}
}

// Control-C on a person's terminal, or in a script of theirs, is the command's own
// matter: its token stays until it has ended.
func TestWithoutACISystemTheTokenStaysUntilTheEnd(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"none": "CI=", "told that it is none": "CI=false"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := controller(t)
			cmd := program(t, server, "--", "sh", "-c", `trap 'echo asked; read line' TERM; echo ready; read line; exit 5`)
			cmd.Env = append(cmd.Env, env)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			for _, want := range []string{"ready\n", "asked\n"} {
				if line, err := lines.ReadString('\n'); err != nil || line != want {
					t.Fatalf("got %q, %v, want %q", line, err, want)
				}
				if want == "ready\n" {
					if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
			}
			// Pauses take no time here: on a CI system the token would be revoked by now, or
			// about to be.
			if n := len(server.Tokens("alice")); n != 1 {
				t.Errorf("got %d tokens while the command runs, want its own", n)
			}
			_, _ = io.WriteString(in, "\n\n")
			if got := code(t, cmd.Wait()); got != 5 {
				t.Errorf("got exit code %d, want 5", got)
			}
		})
	}
}

// What nohup has made the program ignore, the command ignores too.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	t.Parallel()
	server := controller(t)
	cmd := program(t, server)
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, append([]string{cmd.Path}, "exec", "--", "sh", "-c", "kill -HUP $PPID; kill -HUP $$; echo still here")...)
	cmd.Path = "/bin/sh"
	var out bytes.Buffer
	cmd.Stdout = &out
	if got := code(t, cmd.Run()); got != 0 || out.String() != "still here\n" {
		t.Errorf("got exit code %d and %q, want 0 and the command's words", got, out.String())
	}
}
