package jenkins_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// TestGzipOfAPage: the limit of a page counts what is read, not what was sent.
func TestGzipOfAPage(t *testing.T) {
	t.Parallel()
	row := `<input name="tokenUuid" value="` + uuid + `"><input name="tokenName" value="x">`
	page := `<html><div id="api-token-list">` + row + strings.Repeat(" ", 100_000) + row + `</div></html>`
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding: got %q, want gzip", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, page)
		_ = z.Close()
	})
	c := newClient(t, address, jenkins.APIToken(user, tokenText))
	count := 0
	count1 := func(jenkins.ListedToken) bool { count++; return true }
	if err := tokens(t.Context(), c, int64(len(page)), count1); err != nil || count != 2 {
		t.Errorf("whole page: got %d tokens, %v, want 2", count, err)
	}
	count = 0
	failure(t, tokens(t.Context(), c, 50_000, count1), jenkins.KindCut)
	if count != 1 {
		t.Errorf("cut page: got %d tokens, want the one before the limit", count)
	}
}
