package settings_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

func TestFormOfAPIToken(t *testing.T) {
	t.Parallel()
	pair := "alice:" + tokInput
	encoded := base64.StdEncoding.EncodeToString([]byte(pair))
	const (
		blanks, invisible, quoted = "there are blanks or line breaks around it", "it holds an invisible character (a byte order mark or a zero-width character)", "there are quotes around it"
		basic, bearer             = "it is the value of a header (Basic …)", "it is the value of a header (Bearer …)"
		isPair, isEncoded         = "it is of the form user:token", "it is user:token, encoded as base64"
		other                     = `it may be a password, or another kind of token (a job's "authentication token" is not an API token)`
	)
	for _, row := range []struct{ name, text, want string }{
		{"a token", tokInput, ""},
		{"a token from before 2.129", tokInput[2:], ""},
		{"a token with its line end", tokInput + "\r\n", ""},
		{"a blank in front", " " + tokInput, blanks},
		{"a tab behind", tokInput + "\t", blanks},
		{"two line ends", tokInput + "\n\n", blanks},
		{"a no-break space", tokInput + "\u00a0", blanks},
		{"a byte order mark", "\ufeff" + tokInput, invisible},
		{"a zero-width space inside", tokInput[:9] + "\u200b" + tokInput[9:], invisible},
		{"a soft hyphen", tokInput[:9] + "\u00ad" + tokInput[9:], invisible},
		{"a mark of direction", tokInput + "\u202c", invisible},
		{"quotes", `"` + tokInput + `"`, quoted},
		{"apostrophes", `'` + tokInput + `'`, quoted},
		{"backticks", "`" + tokInput + "`", quoted},
		{"quotes of a word processor", "“" + tokInput + "”", quoted},
		{"blanks in quotes", `" ` + tokInput + `"`, quoted + ", and " + blanks},
		{"the pair", pair, isPair},
		{"the pair in quotes", `'` + pair + `'`, quoted + ", and " + isPair},
		{"the pair of something else", "alice:hunter2", isPair},
		{"the value of a header", "Basic " + encoded, basic},
		{"a whole header", "Authorization: basic " + encoded, basic},
		{"a token as bearer", "Bearer " + tokInput, bearer},
		{"base64", encoded, isEncoded},
		{"base64 without padding", strings.TrimRight(encoded, "="), isEncoded},
		{"capitals", "11" + strings.Repeat("AB", 16), "its letters are capitals"},
		{"cut", tokInput[:30], "it has not 32 or 34 digits"},
		{"given twice", tokInput + tokInput, "it has not 32 or 34 digits"},
		{"a JSON web token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln", "it is a JSON web token"},
		{"a password", "correct horse", other},
		{"a quoted password", `"hunter2"`, quoted + ", and " + other},
		{"an authentication token of a job", "my-job-token", other},
		{"the token of another system", "ghp_0123456789abcdefghijklmnopqrstuvwxyz", other},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			in := given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "alice", "JENKINS_API_TOKEN": row.text}}
			for _, need := range []settings.Need{settings.ForCreate, settings.ForAccount, settings.ForPost} {
				in.need = need
				got, want := in.problems(t), []string{"api-token: does not have the form of an API token: " + row.want}
				if row.want == "" {
					want = nil
				}
				if !slices.Equal(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for text, form := range map[string]string{
		"$(JENKINS_PASSWORD)": "$(NAME)", " $(jenkins.password)\n": "$(NAME)", "$(params.url)": "$(NAME)", `$(params["url"])`: "$(NAME)", "$(tasks.a-b.results.c)": "$(NAME)",
		"${JENKINS_PASSWORD}": "${NAME}", "${bamboo.jenkins_password}": "${NAME}", "${JENKINS_PASSWORD:-}": "${NAME}", "${JENKINS_URL:?not set}": "${NAME}", "${ trigger.x }": "${NAME}",
		"$JENKINS_PASSWORD": "$NAME", "$PASSWORD": "$NAME", "$_TOKEN": "$NAME", "$jenkins_password": "$NAME", "$$JENKINS_PASSWORD": "$NAME", "$env:JENKINS_PASSWORD": "$env:NAME",
		"%JENKINS_PASSWORD%": "%NAME%", "%env.JENKINS_PASSWORD%": "%NAME%", "%jenkins.password%": "%NAME%",
		"${{ secrets.JENKINS_PASSWORD }}": "${{ NAME }}", "${{secrets['X-Y']}}": "${{ NAME }}", "${{ parameters.x || 'y' }}": "${{ NAME }}",
		"{{X}}": "{{ NAME }}", "{{ .Values.jenkins.password | quote }}": "{{ NAME }}", "{{workflow.parameters.url}}": "{{ NAME }}", "{{SECRET:[a][b]}}": "{{ NAME }}",
		"<< parameters.x >>": "<<NAME>>", "<<X>>": "<<NAME>>", "<<pipeline.parameters.jenkins-url>>": "<<NAME>>", `<+secrets.getValue("jenkins")>`: "<+NAME>",
		"#{JENKINS_PASSWORD}#": "#{NAME}#", "#{JENKINS_PASSWORD}": "#{NAME}", "#{SourceVariables.X}": "#{NAME}", "__JENKINS_PASSWORD__": "__NAME__",
		"((jenkins-password))": "((NAME))", "((vault:team/jenkins.password))": "((NAME))", "$[[ inputs.password ]]": "$[[ NAME ]]", "$[variables.password]": "$[NAME]",
		"@option.password@": "@NAME@", "op://ci/jenkins/password": "op://VAULT/ITEM/FIELD", `"$(JENKINS_PASSWORD)"`: "$(NAME)", "'${JENKINS_PASSWORD}'": "${NAME}",
	} {
		for _, s := range settings.All() {
			in := given{env: with(byEnv, texts{s.Env[0]: text})}
			if s.Name == "api-token" || s.Name == "bearer-token" || s.Name == "oidc-audience" {
				in.env["JENKINS_PASSWORD"] = ""
			}
			if got, want := in.problems(t), []string{s.Name + ": is a placeholder that was not replaced, of the form " + form}; !slices.Equal(got, want) && s.Name != "client-key" {
				t.Errorf("%s, %q: got %q, want %q", s.Name, text, got, want)
			}
			_, err := in.load(t)
			if wrong, ok := errors.AsType[*settings.Error](err); !ok || len(wrong.Hints()) == 0 || !strings.HasPrefix(wrong.Hints()[0], s.Name+": define the variable") {
				t.Errorf("%s, %q: got %v without the hint", s.Name, text, err)
			}
		}
		if got := (given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "a", "JENKINS_PASSWORD_FILE": text}}).problems(t); len(got) != 2 ||
			got[0] != "password: JENKINS_PASSWORD_FILE is a placeholder that was not replaced, of the form "+form {
			t.Errorf("the path of a file %q: got %q", text, got)
		}
		in := given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "a", "JENKINS_PASSWORD_FILE": "/pw"}, files: texts{"/pw": text}}
		if got, want := in.problems(t), []string{"password: is a placeholder that was not replaced, of the form " + form}; !slices.Equal(got, want) {
			t.Errorf("a file with %q: got %q, want %q", text, got, want)
		}
	}
}

// A password that begins like a placeholder is one that somebody has.
func TestPasswordsLikePlaceholders(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"$ecret!", "$ecret", "$ecret.word", "$ummer2026", "$UMMER2026", "$1", "$", "$$", "$A", "$ecret_w0rd", "$(", "$()", "$(a b)", "$(1)", "x$(NAME)", "$(NAME)x", "${", "${}", "${1}", "${a}b",
		"%", "%%", "%abc%", "100%", "%41%", "%PATH", "{{", "{{}}", "{{a}", "<<>>", "<<1>>", "<a>", "#{1}", "#a#", "__", "____", "__a__", "@", "@home@", "@a@b@", "((a b))", "(a)",
		"$[1]", "op://", "$env:", "$env:!", "correct $HORSE", "${A}${B}", "$(A)$(B)", `"quoted"`, "\ufeffbom",
	} {
		s, err := given{env: with(byEnv, texts{"JENKINS_PASSWORD": text})}.load(t)
		if err != nil || s.Credential.Secret.Reveal() != text {
			t.Errorf("%q: got %v, want that it is taken as it is", text, err)
		}
	}
}

func TestWrappedNamesAndAddresses(t *testing.T) {
	t.Parallel()
	const invisible, quoted = "it holds an invisible character (a byte order mark or a zero-width character)", "there are quotes around it"
	for _, row := range []struct{ variable, text, want string }{
		{"JENKINS_URL", `"https://ci.example.com"`, "url: is not an address: " + quoted},
		{"JENKINS_URL", `'https://ci.example.com/jenkins'`, "url: is not an address: " + quoted},
		{"JENKINS_URL", `https://ci.example.com/jenkins"`, "url: is not an address: " + quoted},
		{"JENKINS_URL", `"https://ci.example.com`, "url: is not an address: " + quoted},
		{"JENKINS_URL", "\ufeffhttps://ci.example.com", "url: is not an address: " + invisible},
		{"JENKINS_URL", "https://ci.example.com\u200b", "url: is not an address: " + invisible},
		{"JENKINS_URL", "https://ci.\u2060example.com/", "url: is not an address: " + invisible},
		{"JENKINS_URL", "https://$(JENKINS_HOST)/jenkins", "url: holds a placeholder that was not replaced"},
		{"JENKINS_URL", "${JENKINS_BASE}/jenkins", "url: holds a placeholder that was not replaced"},
		{"JENKINS_URL", "https://ci.example.com/{{ path }}", "url: holds a placeholder that was not replaced"},
		{"JENKINS_URL", "https://ci.example.com/jenkins/job/deploy/?a=b", "url: is the address of a page, not the root of Jenkins: write https://ci.example.com/jenkins"},
		{"JENKINS_USERNAME", `"alice"`, "username: is not a user name: " + quoted},
		{"JENKINS_USERNAME", `'alice'`, "username: is not a user name: " + quoted},
		{"JENKINS_USERNAME", "alice\u200b", "username: is not a user name: " + invisible},
		{"JENKINS_USERNAME", "\ufeffalice", "username: is not a user name: " + invisible},
		{"JENKINS_TOKEN_FOR_USER", `"bob"`, "for-user: is not a user name: " + quoted},
		{"JENKINS_TOKEN_BEARER_TOKEN", `"abc.def"`, "bearer-token: does not have the form of a bearer token: " + quoted},
		{"JENKINS_TOKEN_BEARER_TOKEN", `Bearer abc.def`, "bearer-token: does not have the form of a bearer token: it is the value of a header (Bearer …)"},
		{"JENKINS_TOKEN_OIDC_AUDIENCE", `"jenkins"`, "oidc-audience: is not an audience: " + quoted},
	} {
		env := with(byEnv, texts{row.variable: row.text})
		if strings.Contains(row.variable, "BEARER") || strings.Contains(row.variable, "OIDC") {
			env["JENKINS_PASSWORD"] = ""
		}
		if got := (given{env: env}).problems(t); !slices.Equal(got, []string{row.want}) {
			t.Errorf("%s %q: got %q, want %q", row.variable, row.text, got, row.want)
		}
	}
	for _, name := range []string{"O'Brien", `CORP\alice`, "alice@corp.example", "José", "o'", "a b"} {
		if s := (given{env: with(byEnv, texts{"JENKINS_USERNAME": " " + name + "\n"})}).must(t); s.Username != name {
			t.Errorf("got %q, want %q", s.Username, name)
		}
	}
}

func TestDoubtfulPasswords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"correct horse": "", `"correct horse"`: "quotes", "'x'": "quotes", " x": "blanks", "\ufeffx": "invisible", "Basic YWxpY2U6eA==": "header", `say "yes"`: "",
	} {
		s := given{env: with(byEnv, texts{"JENKINS_PASSWORD": text})}.must(t)
		what, cure := s.Credential.Doubt()
		if strings.Contains(what, want) != true || (what == "") != (want == "") || (what == "") != (cure == "") {
			t.Errorf("%q: got %q, %q, want %q", text, what, cure, want)
		}
	}
}

// FuzzPasted: no value gets into an error, an API token that is taken has the form of
// one, and a text that is taken is taken as it is.
func FuzzPasted(f *testing.F) {
	for _, text := range []string{tokInput, `"` + tokInput + `"`, "alice:" + tokInput, "Basic YWxpY2U6eA==", "\ufeff\u200b", `""`, "'", "$(", "$(A)", "${A:-b}", "%A%", "<<a>>", "op://a/b", "\xff\"", "““”"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" {
			return
		}
		const marker = "zQ7marker7Qz"
		for _, value := range []string{text, text + marker, marker + text, strings.Replace(text, "A", marker, 1)} {
			for _, name := range []string{"JENKINS_API_TOKEN", "JENKINS_PASSWORD", "JENKINS_TOKEN_BEARER_TOKEN", "JENKINS_TOKEN_LABEL", "JENKINS_USERNAME"} {
				env := texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "alice", name: value}
				if name == "JENKINS_TOKEN_LABEL" || name == "JENKINS_USERNAME" {
					env["JENKINS_PASSWORD"] = "x"
				}
				s, err := given{env: env}.load(t)
				if err == nil {
					given := s.Credential.Secret.Reveal()
					if name == "JENKINS_API_TOKEN" && !jenkins.IsAPIToken(given) {
						t.Errorf("%q is taken for an API token", value)
					}
					if name == "JENKINS_PASSWORD" && given != strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r") {
						t.Errorf("%q became %q", value, given)
					}
					continue
				}
				wrong, ok := errors.AsType[*settings.Error](err)
				if !ok {
					t.Fatalf("got %T, want *settings.Error", err)
				}
				if said := fmt.Sprint(err, wrong.Hints(), wrong.Problems); strings.Contains(said, marker) {
					t.Errorf("%s %q: the error holds it: %s", name, value, said)
				}
			}
		}
	})
}
