package file

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

const withoutBlocking = 0

// protect gives a file to this user alone: what its directory would add is left out.
func protect(path string) error {
	user, err := thisUser()
	if err != nil {
		return err
	}
	acl, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: windows.GENERIC_ALL, AccessMode: windows.SET_ACCESS,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeType: windows.TRUSTEE_IS_USER, TrusteeValue: windows.TrusteeValueFromSID(user)},
	}}, nil)
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
}

// writing are the rights to change a file, or who may change it.
const writing = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL

// owned reports whether only this user and administrators own or can write a file.
func owned(path string, _ os.FileInfo) bool {
	user, err := thisUser()
	if err != nil {
		return false
	}
	security, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	owner, _, err := security.Owner()
	if err != nil || !trusted(owner, user) {
		return false
	}
	acl, _, err := security.DACL()
	if err != nil || acl == nil { // without a list everybody may do everything
		return false
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return false
		}
		inheritOnly := ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0
		if ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE || inheritOnly || ace.Mask&writing == 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || !trusted(sid, user) {
			return false
		}
	}
	return true
}

// trusted reports whether sid is this user, or can do everything anyway.
func trusted(sid, user *windows.SID) bool {
	return sid.Equals(user) || sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid)
}

func thisUser() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return user.User.Sid, nil
}

// inherited is false: no path stands for a descriptor.
func inherited(string) (fd int, ok bool) { return 0, false }

func duplicate(int) (*os.File, error) { return nil, os.ErrInvalid }
