package command_test

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// piped runs a command whose password comes from a pipe.
func piped(t *testing.T, ctx context.Context, more map[string]string, read func(context.Context, string) ([]byte, error), args ...string) (code int, said string) {
	t.Helper()
	env := map[string]string{"JENKINS_URL": "http://127.0.0.1:1", "JENKINS_USERNAME": "alice", "JENKINS_PASSWORD_FILE": "/dev/fd/63"}
	maps.Copy(env, more)
	var out bytes.Buffer
	lookup := func(name string) (string, bool) { text, ok := env[name]; return text, ok }
	p := newProgram(args, lookup, strings.NewReader(""), &out, &out, 1)
	p.Clock.Now, p.Files.ReadGiven = time.Now, read
	code = p.Run(ctx)
	return code, out.String()
}

func TestASignalEndsTheWaitForAPipe(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"create", "--lease", "never.json"}, {"exec", "--", "true"}, {"sweep"}, {"doctor"}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		waiting := func(ctx context.Context, _ string) ([]byte, error) {
			cancel(cli.Interrupted{Code: 143})
			<-ctx.Done()
			return nil, ctx.Err()
		}
		code, said := piped(t, ctx, nil, waiting, append([]string{"jenkins-token"}, args...)...)
		if code != 143 || !strings.Contains(said, "interrupted by a signal") {
			t.Errorf("%s: got code %d and %q, want 143", args[0], code, said)
		}
	}
}

func TestTheWaitForAPipeHasAnEnd(t *testing.T) {
	t.Parallel()
	late := func(ctx context.Context, _ string) ([]byte, error) {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > time.Minute {
			t.Errorf("got the deadline %s, %t, want one in a minute", end, ok)
		}
		return nil, context.DeadlineExceeded
	}
	code, said := piped(t, t.Context(), nil, late, "jenkins-token", "sweep")
	if code != 2 || !strings.Contains(said, "is a pipe to which nothing was written in time") {
		t.Errorf("got code %d and %q", code, said)
	}
}

// In the action another step can have put a pipe in the place of a file.
func TestTheActionReadsNoPipe(t *testing.T) {
	t.Parallel()
	never := func(context.Context, string) ([]byte, error) {
		t.Error("a pipe was waited for")
		return nil, context.DeadlineExceeded
	}
	code, said := piped(t, t.Context(), map[string]string{
		"GITHUB_ACTIONS": "true", "INPUT_URL": "http://127.0.0.1:1", "INPUT_USERNAME": "alice", "INPUT_PASSWORD": "hunter2", "INPUT_CA-CERTIFICATE": "/nowhere",
	}, never, "/bin/create")
	if code != 2 || !strings.Contains(said, "no such file") {
		t.Errorf("got code %d and %q", code, said)
	}
}
