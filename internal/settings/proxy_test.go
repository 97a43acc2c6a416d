package settings_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

func TestProxiesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	const (
		parse  = "cannot be parsed as the address of a proxy: percent-encode the user name and the password in it"
		kind   = "names a kind of proxy that is not supported: http, https, socks5 and socks5h are"
		host   = "names no host: percent-encode the user name and the password in it"
		port   = "has a port that is not between 1 and 65535"
		unset  = "holds a placeholder that was not replaced"
		quoted = "is not the address of a proxy as it stands: there are quotes around it"
	)
	for text, want := range map[string]string{
		"http://user:p@ss#w%rd@host:3128": parse, "http://user:p%w@host:3128": parse, "http://user:pw#1@host:3128": parse, "http://user:12#pw@host:3128": parse,
		"http://user:12/pw@host:3128": parse, "http://user:12?pw@host:3128": parse, "http://user:p w@host:3128": parse, `http://CORP\user:pw@host:3128`: parse,
		"user:p%w@host:3128": parse, "host:port": parse, "http://host:31x8": parse, "http://host:3128/path": parse, "http://[::1": parse, "http:/host:3128": parse,
		"http://host:0": port, "http://host:65536": port, "http://host:": port, "host:99999": port,
		"socks4://host:1080": kind, "socks://host:1080": kind, "socks4a://host": kind, "ftp://host": kind, "htp://host:3128": kind,
		"http://": host, "http://:3128": host, "http://user:pw@:3128": host, "://host": parse, "http://größe:1": host, "http://a$b:1": host,
		"$(PROXY)": unset, "http://${PROXY_HOST}:3128": unset, `"http://host:3128"`: quoted, "'host:3128'": quoted,
	} {
		for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
			env := with(byEnv, texts{variable: text})
			for _, need := range []settings.Need{settings.ForCreate, settings.ForAccount} {
				if got := (given{env: env, need: need}).problems(t); !slices.Equal(got, []string{variable + ": " + want}) {
					t.Errorf("%s=%s: got %q, want %q", variable, text, got, want)
				}
			}
			_, err := given{env: env}.load(t)
			if wrong, ok := errors.AsType[*settings.Error](err); !ok || len(wrong.Hints()) != 1 || !strings.Contains(wrong.Hints()[0], "percent-encoded") {
				t.Errorf("%s=%s: got %v without the hint", variable, text, err)
			}
		}
		if got := (given{env: with(byEnv, texts{"HTTP_PROXY": text, "JENKINS_URL": "http://a.example", "JENKINS_TOKEN_ALLOW_HTTP": "true"})}).problems(t); !slices.Equal(got, []string{"HTTP_PROXY: " + want}) {
			t.Errorf("HTTP_PROXY=%s: got %q, want %q", text, got, want)
		}
		// What no request takes is not looked at.
		for _, more := range []texts{{"NO_PROXY": "env.example"}, {"no_proxy": "*"}, {"JENKINS_URL": "https://127.0.0.1:8443"}, {"HTTPS_PROXY": "http://good:1", "ALL_PROXY": text}} {
			if got := (given{env: with(byEnv, texts{"HTTPS_PROXY": text}, more)}).problems(t); got != nil {
				t.Errorf("%s with %v: got %q", text, more, got)
			}
		}
		if got := (given{env: with(byEnv, texts{"HTTP_PROXY": text})}).problems(t); got != nil {
			t.Errorf("HTTP_PROXY=%s for https: got %q", text, got)
		}
		// Another step can set it before the post step, whose inputs stay in force.
		if got := (given{env: with(byInput, texts{"HTTPS_PROXY": text}), spelling: settings.Runner, action: true, need: settings.ForPost}).problems(t); got != nil {
			t.Errorf("%s in the post step: got %q", text, got)
		}
	}
	got := given{env: texts{"JENKINS_URL": "https://a.example/job/x/", "JENKINS_USERNAME": `"a"`, "JENKINS_API_TOKEN": "x", "HTTPS_PROXY": "socks4://a"}}.problems(t)
	if len(got) != 4 {
		t.Errorf("got %q, want all four at once", got)
	}
}

// only is an environment of one variable.
func only(variable, text string) func(string) (string, bool) {
	env := texts{variable: text}
	return func(name string) (string, bool) { text, ok := env[name]; return text, ok }
}

func TestProxiesThatCanBeUsed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ variable, text, url, want string }{
		{"HTTPS_PROXY", "http://host:3128", "https://ci.example.com", "http://host:3128"},
		{"https_proxy", "host:3128", "https://ci.example.com", "http://host:3128"},
		{"HTTPS_PROXY", "host", "https://ci.example.com", "http://host"},
		{"HTTPS_PROXY", " https://host:443/ \n", "https://ci.example.com", "https://host:443"},
		{"HTTPS_PROXY", "http://user:p%40ss%23w%25rd@host:3128", "https://ci.example.com", "http://user:p%40ss%23w%25rd@host:3128"},
		{"HTTPS_PROXY", "http://user:p@ss@host:3128", "https://ci.example.com", "http://user:p%40ss@host:3128"},
		{"HTTPS_PROXY", "http://[2001:db8::1]:3128", "https://ci.example.com", "http://[2001:db8::1]:3128"},
		{"HTTPS_PROXY", "socks5h://host:1080", "https://ci.example.com", "socks5h://host:1080"},
		{"ALL_PROXY", "socks5://host:1080", "https://ci.example.com", "socks5://host:1080"},
		{"all_proxy", "host:1080", "http://ci.example.com", "http://host:1080"},
		{"HTTP_PROXY", "host:1080", "https://ci.example.com", ""},
		{"HTTPS_PROXY", " ", "https://ci.example.com", ""},
	} {
		to, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		found, err := settings.NewProxies(only(row.variable, row.text)).For(to)
		got := ""
		if found != nil {
			got = found.String()
		}
		if err != nil || got != row.want {
			t.Errorf("%s=%q: got %q, %v, want %q", row.variable, row.text, got, err, row.want)
		}
	}
}

func TestProxyAuthorization(t *testing.T) {
	t.Parallel()
	header := texts{"JENKINS_TOKEN_HEADERS": "X-A: b\nproxy-authorization: Bearer abc"}
	plain := texts{"JENKINS_URL": "http://a.example", "JENKINS_TOKEN_ALLOW_HTTP": "true"}
	s := given{env: with(byEnv, header, texts{"HTTPS_PROXY": "host:3128"})}.must(t)
	if got := s.Headers.Reveal().Get("Proxy-Authorization"); got != "Bearer abc" {
		t.Errorf("got %q, want what was given", got)
	}
	_ = given{env: with(byEnv, header, plain)}.must(t)
	_ = given{env: with(byEnv, header, plain, texts{"HTTP_PROXY": "host:3128", "NO_PROXY": "a.example"})}.must(t)
	for _, variable := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		got := given{env: with(byEnv, header, plain, texts{variable: "host:3128"})}.problems(t)
		if want := []string{"headers: line 2: Proxy-Authorization would reach the proxy that " + variable + " names, because url is plain http"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	got := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": "X-A: b\nX-Gate: $(GATE)"})}.problems(t)
	if want := []string{"headers: line 2: the value is a placeholder that was not replaced, of the form $(NAME)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzProxy: an address is taken whole or refused without a part of it, and never for
// none.
func FuzzProxy(f *testing.F) {
	for _, text := range []string{"http://user:p@ss#w%rd@host:3128", "host:1", "[::1]:1", "socks5://a@b", "http://%41", "https://h:/", "//h", "h?", "http://h/#", "http://a@b@c:1", "http://h%2f:1", "\ufeffh"} {
		f.Add(text)
	}
	to := &url.URL{Scheme: "https", Host: "ci.example.com"}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" {
			return
		}
		const marker = "zq7marker7qz"
		for _, value := range []string{text, "http://user:" + marker + text + "@host:3128", strings.Replace(text, "@", marker+"@", 1)} {
			found, err := settings.NewProxies(only("HTTPS_PROXY", value)).For(to)
			if err != nil {
				if wrong, ok := errors.AsType[*settings.ProxyError](err); !ok || strings.Contains(fmt.Sprint(err, wrong.Settings(), wrong.Settings().Hints()), marker) {
					t.Errorf("%q: got %T %v", value, err, err)
				}
				continue
			}
			if found == nil || found.Hostname() == "" || strings.Contains(found.Host, "@") || found.Path+found.RawQuery+found.Fragment != "" {
				t.Errorf("%q: got %v, want a proxy or an error", value, found)
				continue
			}
			if strings.Contains(found.Host, marker) && !strings.Contains(text, "@") {
				t.Errorf("%q: a password became the host %s", value, found.Host)
			}
			if form := found.Scheme + "://" + found.Host; !(settings.Post{OnRevokeFailure: settings.Warn, Timeout: "30s", Proxy: form}).Valid() {
				t.Errorf("%q: no lease can hold %s", value, form)
			}
		}
	})
}
