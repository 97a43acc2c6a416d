package jenkins_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// list reads a token page to its end.
func list(t testing.TB, c *jenkins.Client, limit int64) ([]jenkins.ListedToken, error) {
	t.Helper()
	var all []jenkins.ListedToken
	err := tokens(t.Context(), c, limit, func(token jenkins.ListedToken) bool {
		all = append(all, token)
		return true
	})
	return all, err
}

// listText reads a page of the test's own.
func listText(t testing.TB, page string, limit int64) ([]jenkins.ListedToken, error) {
	t.Helper()
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page) })
	return list(t, newClient(t, address, jenkins.APIToken(user, tokenText)), limit)
}

func sameTokens(t testing.TB, got []jenkins.ListedToken, want ...jenkins.ListedToken) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("tokens: got %+v, want %+v", got, want)
	}
}

func TestRecordedPages(t *testing.T) {
	t.Parallel()
	type token = jenkins.ListedToken
	for file, want := range map[string][]token{
		"tokens-page-configure.html": {
			{UUID: "007f328f-af4f-4896-af18-121b0f02c677", Name: `ci <b>&amp; "q" é`},
			{UUID: "82f0f385-1bd8-4e09-9089-67d66b2b9452", Name: "never used"},
			{UUID: "05b19d61-85b7-45d3-8d1b-b599b63fc043", Name: "own"},
			{UUID: "667b8f72-aaa8-45b6-91d1-08b41af6bda7", Name: "own"},
			{UUID: "d5764ffd-a145-4e56-93d9-4ab4b6bbfbcc", Name: "setup"},
			{UUID: "a8200766-48ab-42c3-8450-4fb9942947df", Name: "z"},
		},
		"tokens-page-security-2.468.html": {
			{UUID: "280c8ed7-0b75-4e26-aac8-91874c6c2598", Name: "ci <b>"},
			{UUID: "afc18794-d567-41d5-ab1d-b8ca8e3462d7", Name: "two"},
		},
		"tokens-page-security-2.548.html": {
			{UUID: "da0ba3c1-b91f-4abd-9c26-bcc4957970e5", Name: "base"},
			{UUID: "73ab6b67-07b2-4f4f-a83b-9e41e579db89", Name: "cust"},
			{UUID: "eb9b4560-60f6-46fa-98b7-b9b503b7d868", Name: "e"},
			{UUID: "8cb55e24-b8de-4c09-9392-de4d8da7254b", Name: "long"},
			{UUID: "c5759689-40da-46f5-a05c-1c9790e77910", Name: "never"},
			{UUID: "75567399-5976-4c88-8e73-b2857799f6cf", Name: "noexp"},
			{UUID: "b732e2f8-de99-4e2d-9d52-05c81ded1729", Name: "one"},
			{UUID: "98b68e0b-4281-4067-bb82-b1504d937ade", Name: "thirty"},
			{UUID: "b8453161-f1e3-4ea8-8f33-de4e8dd876f2", Name: "thirty"},
			{UUID: "026cb67e-57c1-4761-9e47-9b437a6eaaad", Name: "zero"},
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			page, err := os.ReadFile("testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			size := int64(len(page))
			got, err := listText(t, string(page), size)
			if err != nil {
				t.Error(err)
			}
			sameTokens(t, got, want...)
			// A limit within the page gives the tokens before it, and no other.
			for _, limit := range []int64{size - 1, size * 3 / 4, size / 2, size / 4, 1, 0} {
				got, err := listText(t, string(page), limit)
				failure(t, err, jenkins.KindCut)
				if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || limit == size-1 && len(got) != len(want) {
					t.Errorf("limit %d: got %+v, want the first of %+v", limit, got, want)
				}
			}
			// So does a page that ends early.
			for _, at := range []int64{size - 8, size * 3 / 4, size / 2} {
				got, err := listText(t, string(page[:at]), size)
				if err == nil || !slices.Equal(got, want[:len(got)]) {
					t.Errorf("cut at %d: got %+v, %v, want the first of %+v and an error", at, got, err, want)
				}
			}
		})
	}
}

func TestLayoutsOfAllVersions(t *testing.T) {
	t.Parallel()
	names := []string{`"quoted" 'too'`, "<b>bold</b> &amp; &lt; &#39;", "José 日本 😀", `a"><input name="tokenUuid" value="` + uuid + `">`,
		"jenkins-token:github.com/acme/web:17.1:deploy:7f3k9q2m:until-20261124T150000Z", "z</span></div><!-- --><script>x</script>"}
	slices.Sort(names)
	for _, test := range []struct {
		version, path string
		expires       bool
	}{
		{"2.129", "/me/configure", false}, {"2.190", "/me/configure", false}, {"2.222", "/me/configure", false}, {"2.426.2", "/me/configure", false},
		{"2.468", "/me/security/", false}, {"2.505", "/me/security/", false}, {"2.548", "/me/security/", true}, {"2.578", "/me/security/", true},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(test.version))
			c := newClient(t, srv.URL, jenkins.Password(user, password))
			got, err := list(t, c, 1<<20)
			if err != nil {
				t.Error(err)
			}
			sameTokens(t, got)
			var want []jenkins.ListedToken
			for _, name := range names {
				want = append(want, jenkins.ListedToken{UUID: srv.AddToken(user, name).UUID, Name: name})
			}
			want = append(want, jenkins.ListedToken{UUID: srv.AddExpiringToken(user, "~1", -1).UUID, Name: "~1", Expired: test.expires})
			want = append(want, jenkins.ListedToken{UUID: srv.AddExpiringToken(user, "~2", 5).UUID, Name: "~2"})
			srv.Forget()
			if got, err = list(t, c, 1<<20); err != nil {
				t.Error(err)
			}
			by := func(a, b jenkins.ListedToken) int { return strings.Compare(a.UUID, b.UUID) }
			slices.SortFunc(got, by)
			slices.SortFunc(want, by)
			sameTokens(t, got, want...)
			// The version is known by now, so the right path is asked at once.
			sameLines(t, "requests", lines(srv.Requests()), "GET "+test.path+" 200")
		})
	}
}

func TestOrderOfThePaths(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, says string
		want       string
	}{
		{"unknown", "", "/ci/me/security/ /ci/me/configure"},
		{"before 2.468", "2.467", "/ci/me/configure /ci/me/security/"},
		{"2.468", "2.468", "/ci/me/security/ /ci/me/configure"},
		{"nonsense", "new", "/ci/me/security/ /ci/me/configure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var paths []string
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Jenkins", test.says)
				if strings.Contains(r.URL.Path, "whoAmI") {
					_, _ = io.WriteString(w, `{"anonymous":false,"name":"alice"}`)
					return
				}
				paths = append(paths, r.URL.Path)
				w.WriteHeader(http.StatusNotFound)
			})
			c := newClient(t, address+"/ci", jenkins.APIToken(user, tokenText))
			if _, err := c.WhoAmI(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := list(t, c, 1000)
			failure(t, err, jenkins.KindNotFound)
			if got := strings.Join(paths, " "); got != test.want {
				t.Errorf("paths: got %s, want %s", got, test.want)
			}
		})
	}
}

const (
	rowA  = `<input name="tokenUuid" type="hidden" value="%s"><input name="tokenName" value="%s">`
	cardB = `<div id="%s" class="token-card "><span class="token-name">%s</span><span class="token-creation"></span></div>`
	top   = `<html><body><div class="token-list">`
	end   = `</div></body></html>`
)

func TestPages(t *testing.T) {
	t.Parallel()
	x := jenkins.ListedToken{UUID: uuid, Name: "x"}
	oversized := jenkins.ListedToken{UUID: uuid, Oversized: true}
	row, card := fmt.Sprintf(rowA, uuid, "x"), fmt.Sprintf(cardB, uuid, "x")
	for _, test := range []struct {
		name, page string
		want       jenkins.Kind // -1 is no error
		tokens     []jenkins.ListedToken
	}{
		{"row", top + row + end, -1, []jenkins.ListedToken{x}},
		{"card", top + card + end, -1, []jenkins.ListedToken{x}},
		{"list by its id", `<html><div id="api-token-list">` + card + end, -1, []jenkins.ListedToken{x}},
		{"nothing in the list", top + end, -1, nil},
		{"rows without a uuid", top + fmt.Sprintf(rowA, "", "x") + fmt.Sprintf(cardB, "", "x") + `<input name="tokenName" value="x">` + end, -1, nil},
		{"uuids of another form", top + fmt.Sprintf(rowA, "::error::", "x") + fmt.Sprintf(cardB, strings.ToUpper(uuid), "x") + end, -1, nil},
		{"no name", top + fmt.Sprintf(rowA, uuid, " ") + fmt.Sprintf(cardB, uuid, "") + end, -1, nil},
		{"uuid without a name before the next", top + `<input name="tokenUuid" value="00000000-0000-0000-0000-000000000000">` + row + end, -1, []jenkins.ListedToken{x}},
		{"card without a name before the next", top + fmt.Sprintf(cardB, "00000000-0000-0000-0000-000000000000", "") + card + end, -1, []jenkins.ListedToken{x}},
		{"expired card", top + strings.Replace(card, `"token-creation"`, `"error token-creation"`, 1) + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: "x", Expired: true}}},
		{"card without a date", top + strings.Replace(card, `<span class="token-creation"></span>`, "", 1) + card + end, -1, []jenkins.ListedToken{x, x}},
		{"rows in a script", top + "<script>" + row + "</script><!-- " + row + " --><textarea>" + card + "</textarea>" + end, -1, nil},
		{"icons before it", `<html><svg><title/><svg><style/></svg><title/></svg><svg/>` + top[6:] + row + "<svg><title>t</title><script/></svg>" + card + end, -1, []jenkins.ListedToken{x, x}},
		{"script after an icon", `<html><svg><title/></svg></svg><script>` + row + "</script>" + top[6:] + row + end, -1, []jenkins.ListedToken{x}},
		{"tags in capitals", strings.ToUpper(top[:12]) + `<DIV CLASS="a token-list b">` + `<INPUT NAME="tokenUuid" VALUE="` + uuid + `"><INPUT NAME="tokenName" VALUE="x"/></HTML>`, -1, []jenkins.ListedToken{x}},
		{"empty", "", jenkins.KindPage, nil},
		{"no list", "<html><body><p>" + bodyText + "</p></body></html>", jenkins.KindPage, nil},
		{"login", `<html><form><input name="username"></form></html>`, jenkins.KindPage, nil},
		{"JSON", `{"_class":"` + bodyText + `"}`, jenkins.KindPage, nil},
		{"no end after a row", top + row, jenkins.KindCut, []jenkins.ListedToken{x}},
		{"no end after a card", top + card, jenkins.KindCut, []jenkins.ListedToken{x}},
		{"end within a name", top + row + `<div id="` + uuid + `" class="token-card"><span class="token-name">y`, jenkins.KindCut, []jenkins.ListedToken{x}},
		{"end within a tag", top + row + `<input name="tokenUuid" value="` + uuid + `"><input name="tokenName" value="y`, jenkins.KindCut, []jenkins.ListedToken{x}},
		{"one huge attribute", top + row + `<input name="tokenName" value="` + strings.Repeat("a", 1<<20) + `">` + end, -1, []jenkins.ListedToken{x}},
		{"one huge text", top + row + strings.Repeat("a", 1<<20) + end, -1, []jenkins.ListedToken{x}},
		{"many attributes", top + row + "<p" + strings.Repeat(" a=b", 1<<18) + ">" + end, -1, []jenkins.ListedToken{x}},
		{"name over tags", top + strings.Replace(card, ">x<", "><b>jenkins</b>-<wbr>to<!-- -->ken <span>:</span> x<", 1) + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: "jenkins-token : x"}}},
		{"name over an icon", top + strings.Replace(card, ">x<", "><svg><title/><path/></svg>x<svg/><", 1) + end, -1, []jenkins.ListedToken{x}},
		{"name without an end", top + strings.ReplaceAll(card, "</span>", "") + "more" + card + end, -1, []jenkins.ListedToken{x, x}},
		{"blanks in a card", top + strings.Replace(card, ">x<", ">\r\n x\t<", 1) + end, -1, []jenkins.ListedToken{x}},
		{"blanks in a row", top + fmt.Sprintf(rowA, uuid, " x\u00a0") + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: " x\u00a0"}}},
		{"blank that is none of HTML in a card", top + fmt.Sprintf(cardB, uuid, "\u00a0x") + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: "\u00a0x"}}},
		{"entities", top + fmt.Sprintf(rowA, uuid, "&lt;&#120;&notit;&#x78&#0;&#xd800;") + fmt.Sprintf(cardB, uuid, "&amp;amp;") + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: "<x&notit;x\ufffd\ufffd"}, {UUID: uuid, Name: "&amp;"}}},
		{"uuid with an entity", top + fmt.Sprintf(rowA, strings.Replace(uuid, "-", "&#45;", 1), "x") + end, -1, []jenkins.ListedToken{x}},
		{"attributes given twice", top + `<input name="tokenUuid" name="x" value="` + uuid + `" value="11111111-1111-4111-8111-111111111111"><input name="tokenName" value="x" value="y">` + end, -1, []jenkins.ListedToken{x}},
		{"NUL in a name", top + fmt.Sprintf(rowA, uuid, "x\x00") + end, -1, []jenkins.ListedToken{{UUID: uuid, Name: "x\ufffd"}}},
		{"icon without an end", top + "<svg><title/>" + row + card + end, -1, []jenkins.ListedToken{x, x}},
		{"row within a row", top + `<input name="tokenUuid" value="` + uuid + `">` + card + `<input name="tokenName" value="y">` + end, -1, []jenkins.ListedToken{x}},
		{"UTF-16", string([]byte{0xfe, 0xff}) + "\x00" + strings.Join(strings.Split(top+row+end, ""), "\x00"), jenkins.KindPage, nil},
		{"name of 250,000 quotes", top + row + fmt.Sprintf(rowA, uuid, strings.Repeat("&quot;", 250_000)) + card + end, -1, []jenkins.ListedToken{x, oversized, x}},
		{"card with such a name", top + card + fmt.Sprintf(cardB, uuid, strings.Repeat("&lt;/span&gt;", 250_000)) + card + end, -1, []jenkins.ListedToken{x, oversized, x}},
		{"name that looks like a row", top + fmt.Sprintf(rowA, uuid, strings.Repeat("y", 200_000)+`><input name='tokenUuid' value='00000000-0000-0000-0000-000000000000'><input name='tokenName' value='z'>`) + row + end, -1, []jenkins.ListedToken{oversized, x}},
		{"row with another huge attribute", top + `<input name="tokenUuid" value="` + uuid + `" title="` + strings.Repeat("y", 200_000) + `"><input name="tokenName" value="y">` + row + end, -1, []jenkins.ListedToken{x}},
		{"huge script with markup", top + "<script>" + strings.Repeat(row, 2000) + "</SCRIPT>" + row + end, -1, []jenkins.ListedToken{x}},
		{"huge comment with markup", top + "<!--" + strings.Repeat(row, 2000) + "-->" + row + end, -1, []jenkins.ListedToken{x}},
		{"text after the end of the page", top + row + end + strings.Repeat("a", 1<<20), -1, []jenkins.ListedToken{x}},
		{"deep", top + row + strings.Repeat("<div>", 100_000) + end, -1, []jenkins.ListedToken{x}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := listText(t, test.page, 32<<20)
			if test.want >= 0 {
				failure(t, err, test.want)
			} else if err != nil {
				t.Errorf("got %v, want no error", err)
			}
			sameTokens(t, got, test.tokens...)
		})
	}
	for _, version := range []string{"2.60", "2.107"} {
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(version))
		_, err := list(t, newClient(t, srv.URL, jenkins.Password(user, password)), 1<<20)
		failure(t, err, jenkins.KindPage)
	}
}

// What is skipped does not count towards the limit of the page, but has one of its own.
func TestSkippedPiecesAreBounded(t *testing.T) {
	t.Parallel()
	oversized := jenkins.ListedToken{UUID: uuid, Oversized: true}
	long, row := fmt.Sprintf(rowA, uuid, strings.Repeat("y", 300_000)), fmt.Sprintf(rowA, uuid, "x")
	got, err := listText(t, top+strings.Repeat(long, 3)+row+end, 500_000)
	if err != nil {
		t.Errorf("900 kB skipped: got %v", err)
	}
	sameTokens(t, got, oversized, oversized, oversized, jenkins.ListedToken{UUID: uuid, Name: "x"})
	_, err = listText(t, top+strings.Repeat(long, 6)+row+end, 500_000)
	failure(t, err, jenkins.KindCut)
}

func TestHostilePage(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.426.2", "2.578"} {
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(version))
		token := srv.AddToken(user, "b")
		inject(t, srv, "page:hostile*2")
		c := newClient(t, srv.URL, jenkins.APIToken(user, token.Value))
		if _, err := c.WhoAmI(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := list(t, c, 1<<20)
		if err != nil || len(got) == 0 {
			t.Errorf("%s: got %v, %v, want tokens", version, got, err)
		}
		for _, one := range got {
			if !jenkins.IsUUID(one.UUID) || one.UUID == "11111111-1111-4111-8111-111111111111" {
				t.Errorf("%s: got uuid %q, want one of the page's rows", version, one.UUID)
			}
		}
	}
}

func TestYieldFalseStops(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{rowA, cardB} {
		var b strings.Builder
		b.WriteString(top)
		for i := range 10_000 {
			fmt.Fprintf(&b, layout, fmt.Sprintf("00000000-0000-0000-0000-%012d", i), fmt.Sprintf("name %d", i))
		}
		b.WriteString(end)
		all, err := listText(t, b.String(), 32<<20)
		if err != nil || len(all) != 10_000 || all[9999].Name != "name 9999" {
			t.Errorf("got %d tokens, %v, want 10000", len(all), err)
		}
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, b.String()) })
		for _, stop := range []int{1, 2, 9999, 10_000} {
			n := 0
			err := tokens(t.Context(), newClient(t, address, jenkins.APIToken(user, tokenText)), 32<<20, func(jenkins.ListedToken) bool { n++; return n < stop })
			if err != nil || n != stop {
				t.Errorf("stop after %d: got %d tokens, %v, want no more", stop, n, err)
			}
		}
	}
}

func TestPagesWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, begin string
		limit       int64
		want        jenkins.Kind
	}{
		{"text", top, 1 << 20, jenkins.KindCut},
		{"attribute", top + `<input name="tokenName" value="`, 1 << 20, jenkins.KindCut},
		{"comment", top + "<!--", 1 << 20, jenkins.KindCut},
		{"script", top + "<script>", 1 << 20, jenkins.KindCut},
		{"longer than the limit", top, 100 << 10, jenkins.KindCut},
		{"text without a list", "<html>", 1 << 20, jenkins.KindPage},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var taken atomic.Int64
			done := make(chan struct{})
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				_, _ = io.WriteString(w, test.begin)
				flood(w, &taken)
			})
			_, err := list(t, newClient(t, address, jenkins.APIToken(user, tokenText)), test.limit)
			failure(t, err, test.want)
			<-done
			if got := taken.Load(); got > buffered {
				t.Errorf("bytes taken: got %d, want at most %d", got, buffered)
			}
		})
	}
}

func TestDisturbedPage(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]jenkins.Kind{
		"drop-before": jenkins.KindConnection, "truncated": jenkins.KindAnswer, "status=404*2": jenkins.KindNotFound, "status=503": jenkins.KindUnavailable,
		"login-page": jenkins.KindPage, "refuse": jenkins.KindRefused, "gateway-403": jenkins.KindForbidden, "redirect=/login": jenkins.KindRedirect,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.578"))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
			inject(t, srv, "page:"+fault)
			_, err := list(t, c, 1<<20)
			if failed := failure(t, err, want); failed.Op != jenkins.OpPage || failed.Unclear() {
				t.Errorf("got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpPage)
			}
		})
	}
}

// A name in very many pieces takes neither the square of its length nor more
// memory than one piece of the page may.
func TestNameInPieces(t *testing.T) {
	t.Parallel()
	page := top + strings.Replace(fmt.Sprintf(cardB, uuid, "NAME"), "NAME", strings.Repeat("a<!---->", 1<<20), 1) + end
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page) })
	got, err := list(t, newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithRequestTimeout(time.Minute)), 64<<20)
	runtime.ReadMemStats(&after)
	if err != nil || len(got) != 1 || len(got[0].Name) > 1<<20 || strings.Trim(got[0].Name, "a") != "" {
		t.Fatalf("got %d tokens, %v, want one with the start of its name", len(got), err)
	}
	// Other tests allocate in the same process; the square would be half a terabyte.
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 4096 {
		t.Errorf("allocated: got %d MiB, want what is linear", got)
	}
}

func BenchmarkTokenPage(b *testing.B) {
	var page strings.Builder
	page.WriteString(top)
	for i := range 1000 {
		fmt.Fprintf(&page, cardB, fmt.Sprintf("00000000-0000-0000-0000-%012d", i), fmt.Sprintf("name %d", i))
	}
	page.WriteString(end)
	address, _ := serve(b, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page.String()) })
	c := newClient(b, address, jenkins.APIToken(user, tokenText))
	b.ReportAllocs()
	b.SetBytes(int64(page.Len()))
	for b.Loop() {
		if got, err := list(b, c, 32<<20); err != nil || len(got) != 1000 {
			b.Fatalf("got %d tokens, %v", len(got), err)
		}
	}
}
