package settings

import "strings"

// A placeholder is what a CI system replaces by a value. Systems leave it as it is
// where there is no such variable, or where the job may not read it.
type placeholder struct {
	before, after string
	name          func(string) bool
	// loose says that a password can look like this: only names that are
	// unmistakable count there.
	loose bool
	form  string // for messages
}

// placeholders are the forms of CI systems, templates and shells. The first that fits
// names the form.
var placeholders = []placeholder{
	{before: "${{", after: "}}", name: isExpression, form: "${{ NAME }}"}, // GitHub, Gitea, Azure, Codefresh
	{before: "{{", after: "}}", name: isExpression, form: "{{ NAME }}"},   // Argo, Helm, Jinja, GoCD
	{before: "$[[", after: "]]", name: isExpression, form: "$[[ NAME ]]"}, // GitLab
	{before: "$[", after: "]", name: isReference, form: "$[NAME]"},        // Azure
	{before: "$(", after: ")", name: isReference, form: "$(NAME)"},        // Azure, Tekton, Kubernetes
	{before: "${", after: "}", name: isExpansion, form: "${NAME}"},        // Drone, Bamboo, Spinnaker, docker compose
	{before: "<<", after: ">>", name: isReference, form: "<<NAME>>"},      // CircleCI
	{before: "<+", after: ">", name: isExpression, form: "<+NAME>"},       // Harness
	{before: "((", after: "))", name: isReference, form: "((NAME))"},      // Concourse
	{before: "#{", after: "}#", name: isReference, form: "#{NAME}#"},      // the task "replace tokens"
	{before: "#{", after: "}", name: isReference, form: "#{NAME}"},        // GoCD, Octopus, CodePipeline
	{before: "$env:", name: isName, form: "$env:NAME"},                    // PowerShell
	{before: "%", after: "%", name: isDotted, loose: true, form: "%NAME%"},
	{before: "__", after: "__", name: isName, loose: true, form: "__NAME__"},
	{before: "@", after: "@", name: isUnmistakable, form: "@NAME@"}, // Rundeck, Maven
	{before: "$$", name: isName, loose: true, form: "$NAME"},
	{before: "$", name: isName, loose: true, form: "$NAME"},
	{before: "op://", name: isPath, form: "op://VAULT/ITEM/FIELD"}, // 1Password
}

// unresolved returns the form of the placeholder that text as a whole is, with
// nothing but blanks and quotes around it; empty when it is none.
func unresolved(text string, password bool) string {
	text, _ = unquoted(strings.TrimSpace(text))
	for _, p := range placeholders {
		name, ok := strings.CutPrefix(text, p.before)
		if ok && p.after != "" {
			name, ok = strings.CutSuffix(name, p.after)
		}
		if name = strings.TrimSpace(name); ok && p.name(name) && (!p.loose || !password || isUnmistakable(name)) {
			return p.form
		}
	}
	return ""
}

// holdsPlaceholder reports whether a part of text is a placeholder. The marks are
// those that no address has.
func holdsPlaceholder(text string) bool {
	for _, p := range placeholders {
		if p.after == "" || p.loose || len(p.before) < 2 {
			continue
		}
		if _, rest, ok := strings.Cut(text, p.before); ok && strings.Contains(rest, p.after) {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

// consists reports whether text begins with a letter and consists of letters, digits
// and the characters of more.
func consists(text, more string) bool {
	for i := range len(text) {
		c := text[i]
		if !isLetter(c) && (i == 0 || (c < '0' || c > '9') && strings.IndexByte(more, c) < 0) {
			return false
		}
	}
	return text != ""
}

func isName(text string) bool   { return consists(text, "") }
func isDotted(text string) bool { return consists(text, ".-") }

// isReference is a name, a path of names, or an index: params["url"].
func isReference(text string) bool { return consists(text, `.-:/[]'"`) }

// isExpansion is a reference, which may have a default or a message behind a colon.
func isExpansion(text string) bool {
	name, _, _ := strings.Cut(text, ":")
	return isReference(name) && !strings.ContainsAny(text, "{}")
}

// isExpression is anything in one line that ends where the braces do.
func isExpression(text string) bool { return text != "" && !strings.ContainsAny(text, "{}<>\r\n") }

func isPath(text string) bool {
	return strings.Contains(text, "/") && !strings.ContainsAny(text, "\r\n")
}

// isUnmistakable reports whether a name is one that variables have and passwords do
// not: JENKINS_PASSWORD, PASSWORD, jenkins_password, env.JENKINS_PASSWORD. It is
// false for $ecret and $UMMER2026.
func isUnmistakable(name string) bool {
	if !isDotted(name) || len(name) < 3 {
		return false
	}
	if parts := strings.Split(name, "."); len(parts) > 1 {
		for _, part := range parts {
			if len(part) < 2 {
				return false
			}
		}
		return true
	}
	if strings.ContainsAny(name, "-") {
		return false
	}
	joined := strings.Contains(strings.Trim(name, "_"), "_")
	if name == strings.ToUpper(name) {
		return joined || !strings.ContainsAny(name, "0123456789")
	}
	return joined && name == strings.ToLower(name) && !strings.ContainsAny(name, "0123456789")
}
