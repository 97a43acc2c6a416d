package settings

import (
	"encoding/pem"
	"testing"

	"github.com/sethvargo/go-envconfig"

	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
)

// Nothing that holds settings shows a secret of them.
func TestSettingsShowNoSecret(t *testing.T) {
	t.Parallel()
	const password, header = "correct horse", "gateway-secret"
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("a key of the client")}))
	environment := map[string]string{
		"JENKINS_URL": "https://ci.example", "JENKINS_USERNAME": "alice", "JENKINS_PASSWORD": password, "JENKINS_TOKEN_HEADERS_FILE": "headers",
		"JENKINS_TOKEN_CLIENT_CERTIFICATE": key, "JENKINS_TOKEN_CLIENT_KEY": key,
	}
	files := func(string) ([]byte, error) { return []byte("X-Gate: " + header), nil }
	source := Source{ReadFile: files, Lookup: func(name string) (string, bool) { text, ok := environment[name]; return text, ok }}
	find := newFinder(source, ForCreate)
	var given raw
	if err := envconfig.ProcessWith(t.Context(), &envconfig.Config{Target: &given, Lookuper: find}); err != nil {
		t.Fatal(err)
	}
	loaded := find.check(given)
	if loaded.Credential.Secret.Reveal() != password || loaded.Headers.Reveal().Get("X-Gate") != header || loaded.ClientKey.Reveal() != key || len(find.problems) > 0 {
		t.Fatalf("got %+v and %+v, want the settings", loaded, find.problems)
	}
	show := []string{password, header, "a key of the client"}
	given.ClientCertificate, loaded.ClientCertificate = "", nil // the same text here, and no secret
	secrettest.Hidden(t, "settings", *loaded, show...)
	secrettest.Hidden(t, "credential", loaded.Credential, show...)
	secrettest.Hidden(t, "what go-envconfig fills", given, show...)
	secrettest.Hidden(t, "what looks for them", find, show...)
	delete(environment, "JENKINS_URL")
	environment["JENKINS_API_TOKEN"] = password
	_, err := Load(t.Context(), source, ForCreate)
	secrettest.Hidden(t, "error", err, show...)
}
