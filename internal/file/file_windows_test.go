package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// TestOwn: a file that was created is this user's alone, and one that everybody can write
// is foreign.
func TestOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lease.json")
	f, err := file.CreateOwn(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("lease"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := file.CreateOwn(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("created again: got %v, want that it exists", err)
	}
	if got, err := file.ReadOwn(path, 100); string(got) != "lease" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	everyone, err := windows.CreateWellKnownSid(windows.WinWorldSid)
	if err != nil {
		t.Fatal(err)
	}
	for rights, want := range map[windows.ACCESS_MASK]error{windows.FILE_WRITE_DATA: file.ErrForeign, windows.FILE_READ_DATA: nil} {
		acl, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
			AccessPermissions: rights | windows.FILE_GENERIC_READ, AccessMode: windows.GRANT_ACCESS,
			Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(everyone)},
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := file.ReadOwn(path, 100); !errors.Is(err, want) {
			t.Errorf("everybody has %x: got %v, want %v", rights, err, want)
		}
	}
}
