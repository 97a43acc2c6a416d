package command

import (
	"net/url"
	"testing"
)

func TestProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	type texts = map[string]string
	const proxy = "http://proxy.example.com:3128"
	for _, test := range []struct {
		name string
		env  texts
		url  string
		want string
	}{
		{"none", texts{}, "https://ci.example.com", ""},
		{"for https", texts{"HTTPS_PROXY": proxy}, "https://ci.example.com", proxy},
		{"for http", texts{"HTTP_PROXY": proxy}, "http://ci.example.com", proxy},
		{"for the other scheme", texts{"HTTP_PROXY": proxy}, "https://ci.example.com", ""},
		{"in small letters", texts{"https_proxy": proxy}, "https://ci.example.com", proxy},
		{"with a login", texts{"HTTPS_PROXY": "http://bob:a%23b@proxy.example.com:3128"}, "https://ci.example.com", "http://bob:a%23b@proxy.example.com:3128"},
		{"loopback", texts{"HTTPS_PROXY": proxy}, "https://127.0.0.1:8443", ""},
		{"loopback by name", texts{"HTTPS_PROXY": proxy}, "https://localhost:8443", ""},
		{"NO_PROXY, a network", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "192.168.0.0/16,10.0.0.0/8"}, "https://10.1.2.3", ""},
		{"NO_PROXY, another network", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "10.0.0.0/8"}, "https://11.1.2.3", proxy},
		{"NO_PROXY, a network and a name", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "10.0.0.0/8"}, "https://ci.example.com", proxy},
		{"NO_PROXY, a network of IPv6", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "2001:db8::/32"}, "https://[2001:db8::1]:8443", ""},
		{"NO_PROXY, a domain", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "example.com"}, "https://ci.example.com", ""},
		{"NO_PROXY, a domain below", texts{"HTTPS_PROXY": proxy, "no_proxy": ".example.com"}, "https://ci.example.com", ""},
		{"NO_PROXY, another port", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "ci.example.com:8443"}, "https://ci.example.com", proxy},
		{"NO_PROXY, all", texts{"HTTPS_PROXY": proxy, "NO_PROXY": "*"}, "https://ci.example.com", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := clients{lookup: func(name string) (string, bool) { text, ok := test.env[name]; return text, ok }}
			to, err := url.Parse(test.url)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.proxy()(to)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			if got != nil {
				text = got.String()
			}
			if text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

// httpproxy leaves out localhost and loopback addresses alone; what ParseRoot takes for
// loopback, and allows plain http to, is more.
func TestLoopbackUsesNoProxy(t *testing.T) {
	t.Parallel()
	env := map[string]string{"HTTP_PROXY": "http://proxy.test:3128", "HTTPS_PROXY": "http://proxy.test:3128"}
	c := clients{lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }}
	for host, want := range map[string]bool{
		"localhost": false, "localhost.": false, "LOCALHOST": false, "ci.localhost": false, "a.b.localhost.": false, "127.0.0.1": false, "127.9.9.9": false, "[::1]": false,
		"ci.test": true, "localhost.test": true, "128.0.0.1": true,
	} {
		for _, scheme := range []string{"http", "https"} {
			u, err := url.Parse(scheme + "://" + host + ":8080/jenkins")
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.proxy()(u)
			if err != nil || (got != nil) != want {
				t.Errorf("%s: got the proxy %v, %v, want one: %t", u, got, err, want)
			}
		}
	}
}
