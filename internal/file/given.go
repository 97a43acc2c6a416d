package file

import (
	"context"
	"io"
	"os"
)

// ReadGiven reads at most limit bytes of what the user of the program names: a regular
// file, a pipe or a device. A descriptor that the program inherited (/dev/stdin,
// /dev/fd/N, /proc/self/fd/N) is read as it is, so that pipes and sockets of another user
// can be read too, and is not passed on to child processes.
//
// A pipe is read until its last writer closes it. Opening and reading end with ctx; its
// error is then returned; a goroutine can stay behind until the pipe is closed.
func ReadGiven(ctx context.Context, path string, limit int64) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		content, err := readGiven(ctx, path, limit)
		done <- result{content, err}
	}()
	select {
	case r := <-done:
		return r.content, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readGiven(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := openGiven(path)
	if err != nil {
		return nil, err
	}
	// This ends a read of what the runtime can poll. A terminal is not among that.
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	info, err := f.Stat()
	switch {
	case err != nil:
		_ = f.Close()
		return nil, err
	case info.IsDir():
		_ = f.Close()
		return nil, ErrIrregular
	case info.Mode().IsRegular():
		// Whoever shares the descriptor shares its offset, and a second command that is
		// given the same one must find the same file.
		return readFrom(f, io.NewSectionReader(f, 0, limit+1), limit)
	}
	return read(f, limit)
}

// openGiven blocks while nobody has opened a named pipe for writing.
func openGiven(path string) (*os.File, error) {
	if fd, ok := inherited(path); ok {
		return duplicate(fd)
	}
	f, err := os.Open(path)
	if err == nil {
		return f, nil
	}
	if info, failed := os.Stat(path); failed == nil && info.Mode()&os.ModeSocket != 0 {
		return nil, ErrIrregular
	}
	return nil, err
}
