// Command floor sends the requests of jenkins-token, over TLS with the same certificates,
// and nothing else: no check, no lease, no mask and no retry.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

const actions = "/me/descriptorByName/jenkins.security.ApiTokenProperty/"

type login struct{ user, secret string }

func main() {
	root, account := os.Getenv("JENKINS_URL"), login{os.Getenv("JENKINS_USERNAME"), os.Getenv("JENKINS_API_TOKEN")}
	if os.Args[1] == "revoke" {
		content, _ := os.ReadFile(os.Getenv("LEASE"))
		lines := strings.Split(string(content), "\n")
		own := login{account.user, lines[1]}
		send("GET", root+"/me/security/", own, nil, nil)
		send("POST", root+actions+"revoke", own, url.Values{"tokenUuid": {lines[0]}}, nil)
		return
	}
	header := http.Header{}
	if account.secret == "" {
		account.secret = os.Getenv("JENKINS_PASSWORD")
		send("GET", root+"/whoAmI/api/json", account, nil, nil)
		answer, cookies := send("GET", root+"/crumbIssuer/api/json", account, nil, nil)
		var crumb struct{ CrumbRequestField, Crumb string }
		_ = json.Unmarshal(answer, &crumb)
		header.Set(crumb.CrumbRequestField, crumb.Crumb)
		for _, cookie := range cookies {
			header.Add("Cookie", cookie.Name+"="+cookie.Value)
		}
	}
	answer, _ := send("POST", root+actions+"generateNewToken", account, url.Values{"newTokenName": {"floor"}, "expirationDuration": {"1"}}, header)
	var made struct {
		Data struct{ TokenUUID, TokenValue string }
	}
	_ = json.Unmarshal(answer, &made)
	send("GET", root+"/whoAmI/api/json", login{account.user, made.Data.TokenValue}, nil, nil)
	_ = os.WriteFile(os.Getenv("LEASE"), []byte(made.Data.TokenUUID+"\n"+made.Data.TokenValue), 0o600)
}

func send(method, to string, as login, form url.Values, header http.Header) ([]byte, []*http.Cookie) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, to, body)
	if err == nil {
		if header != nil {
			r.Header = header
		}
		r.SetBasicAuth(as.user, as.secret)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(r); err == nil {
			content, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			return content, answer.Cookies()
		}
	}
	fmt.Fprintln(os.Stderr, "floor:", err)
	os.Exit(1)
	return nil, nil
}
