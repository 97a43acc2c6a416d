package ci

import (
	"os"
	"path/filepath"
	"strings"
)

// Files says where the lease file may be on a CI system.
type Files struct {
	// Private is a directory of the job's own that is neither archived nor shown,
	// and that later steps of the job see. It need not be there yet. Empty where
	// the system has none, or none that can be told from others.
	Private string
	// Prefix tells the lease files of this job from those of others, where jobs share
	// the directory.
	Prefix string
	// Public are the files and directories that the system publishes, or archives
	// when a pipeline says so.
	Public []Public
	// Way says where a lease file can go instead.
	Way string
}

// Public is a file or a directory that others than the job can read.
type Public struct {
	Path string // empty where the system does not say
	What string // what the system does with it
}

// Record is the name of a new record in the private directory.
func (f Files) LeaseFile(nonce string) string {
	return filepath.Join(f.Private, "jenkins-token-"+f.Prefix+nonce+".json")
}

// IsRecord reports whether a file in the private directory has such a name.
func (f Files) IsLeaseFile(name string) bool {
	nonce, ok := strings.CutPrefix(name, "jenkins-token-"+f.Prefix)
	nonce, ends := strings.CutSuffix(nonce, ".json")
	return ok && ends && nonce != "" && !strings.Contains(nonce, "-")
}

// Refused returns what would publish a file at path, if something would. Links in
// either path are followed: what counts is where the file ends up.
func (f Files) Refused(path string) (Public, bool) {
	path = filepath.Join(real(filepath.Dir(path)), filepath.Base(path))
	for _, public := range f.Public {
		if public.Path == "" {
			continue
		}
		if inside(real(public.Path), path) {
			return public, true
		}
	}
	return Public{}, false
}

// inside reports whether path is dir, or below it. Names alone do not tell where a
// file system ignores case (macOS), or a directory is mounted twice, so what exists
// of the path is compared with the directory itself too.
//
// Not filepath.IsLocal: for Windows it also refuses names of devices, and a file
// such as aux.json would then count as one outside.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return true
	}
	public, err := os.Stat(dir)
	if err != nil {
		return false
	}
	for {
		if here, err := os.Stat(path); err == nil && os.SameFile(here, public) {
			return true
		}
		above := filepath.Dir(path)
		if above == path {
			return false
		}
		path = above
	}
}

// real is the absolute path without links, as far as it exists.
func real(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if direct, err := filepath.EvalSymlinks(path); err == nil {
		return direct
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(real(dir), filepath.Base(path))
	}
	return path
}
