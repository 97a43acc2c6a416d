package jenkinstest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// field is a property of an exported bean.
type field struct {
	name  string
	value any // nil, bool, int, string, object or []object
}

// object is an exported bean of Stapler: its fields keep their order.
type object struct {
	class  string // "_class"; "" leaves it out
	tag    string // the name of the XML element
	fields []field
}

// apiReply is an answer with the headers of hudson.model.Api.
func (c *call) apiReply(contentType, body string) *reply {
	r := c.plain(http.StatusOK, contentType, body)
	c.advertise(r)
	r.header.Set("X-Frame-Options", "deny")
	if c.cookie != "" {
		r.header.Set("Expires", epoch)
	}
	return r
}

// api serves a bean as json, xml or python; segs follow "api".
func (c *call) api(segs []string, bean func() object) (*reply, bool) {
	if len(segs) == 0 {
		if !c.slash {
			return c.addSlash(), true
		}
		return c.page(http.StatusOK, "Remote API [Jenkins]", "<h1>REST API</h1>"), true
	}
	if len(segs) > 1 {
		return c.notFound(), true
	}
	tree, filtered, err := c.webParam("tree")
	if err != nil {
		return c.oops(), true
	}
	get := func() object {
		o := bean()
		if filtered {
			o = prune(o, parseTree(tree))
		}
		return o
	}
	var b strings.Builder
	switch segs[0] {
	case "json":
		if _, ok, _ := c.webParam("jsonp"); ok {
			return c.containerError(http.StatusForbidden, "jsonp forbidden; implement jenkins.security.SecureRequester", "Stapler"), true
		}
		writeJSON(&b, get(), "null", "true", "false")
		return c.apiReply("application/json;charset=utf-8", b.String()), true
	case "python":
		writeJSON(&b, get(), "None", "True", "False")
		return c.apiReply("text/x-python;charset=UTF-8", b.String()), true
	case "xml":
		xpath, ok, _ := c.webParam("xpath")
		if !ok {
			writeXML(&b, get())
			return c.apiReply("application/xml;charset=UTF-8", b.String()), true
		}
		return c.xpath(get(), xpath), true
	}
	return c.notFound(), true
}

// xpath answers the few expressions that clients of crumbs use.
func (c *call) xpath(o object, xpath string) *reply {
	if o.tag == "defaultCrumbIssuer" {
		if r := c.crumbText(xpath); r != nil {
			return r
		}
	}
	if strings.Contains(xpath, "(") {
		r := c.containerError(http.StatusForbidden, "primitive XPath result sets forbidden; implement jenkins.security.SecureRequester", "Stapler")
		c.advertise(r)
		r.header.Set("X-Frame-Options", "deny")
		return r
	}
	name := xpath[strings.LastIndex(xpath, "/")+1:]
	for _, f := range o.fields {
		if s, ok := f.value.(string); ok && f.name == name {
			return c.apiReply("application/xml;charset=UTF-8", "<"+name+">"+text(s)+"</"+name+">")
		}
	}
	r := c.containerError(http.StatusNotFound, "XPath "+xpath+" didn't match", "Stapler")
	c.advertise(r)
	return r
}

// writeJSON writes a bean for JSON or, with other literals, for Python.
func writeJSON(b *strings.Builder, v any, null, yes, no string) {
	switch v := v.(type) {
	case nil:
		b.WriteString(null)
	case bool:
		if v {
			b.WriteString(yes)
		} else {
			b.WriteString(no)
		}
	case int:
		fmt.Fprint(b, v)
	case string:
		b.WriteString(quote(v))
	case []string:
		b.WriteByte('[')
		for i, s := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(s))
		}
		b.WriteByte(']')
	case []object:
		b.WriteByte('[')
		for i, o := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, o, null, yes, no)
		}
		b.WriteByte(']')
	case object:
		fields := v.fields
		if v.class != "" {
			fields = append([]field{{"_class", v.class}}, fields...)
		}
		b.WriteByte('{')
		for i, f := range fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(f.name) + ":")
			writeJSON(b, f.value, null, yes, no)
		}
		b.WriteByte('}')
	default:
		panic(fmt.Sprintf("jenkinstest: no export of %T", v))
	}
}

func writeXML(b *strings.Builder, o object) {
	b.WriteString("<" + o.tag)
	if o.class != "" {
		b.WriteString(" _class='" + o.class + "'")
	}
	b.WriteString(">")
	for _, f := range o.fields {
		switch v := f.value.(type) {
		case nil:
		case []object:
			for _, e := range v {
				e.tag = f.name
				writeXML(b, e)
			}
		case []string:
			for _, s := range v {
				b.WriteString("<" + f.name + ">" + text(s) + "</" + f.name + ">")
			}
		case object:
			v.tag = f.name
			writeXML(b, v)
		default:
			b.WriteString("<" + f.name + ">" + text(fmt.Sprint(v)) + "</" + f.name + ">")
		}
	}
	b.WriteString("</" + o.tag + ">")
}

// treeNode is a parsed tree=… parameter: the names that are wanted.
type treeNode map[string]treeNode

func parseTree(s string) treeNode {
	node, _ := parseTreeList(s)
	return node
}

func parseTreeList(s string) (treeNode, string) {
	node := treeNode{}
	for s != "" {
		i := strings.IndexAny(s, ",[]")
		if i < 0 {
			node[s] = nil
			return node, ""
		}
		name, sep := s[:i], s[i]
		s = s[i+1:]
		switch sep {
		case ',':
			if name != "" {
				node[name] = nil
			}
		case '[':
			node[name], s = parseTreeList(s)
		case ']':
			if name != "" {
				node[name] = nil
			}
			return node, s
		}
	}
	return node, s
}

// prune keeps the fields of o that the tree names; an object that is named
// without fields of its own keeps only its class.
func prune(o object, t treeNode) object {
	kept := object{class: o.class, tag: o.tag}
	for _, f := range o.fields {
		sub, ok := t[f.name]
		if !ok {
			if sub, ok = t["*"]; !ok {
				continue
			}
		}
		switch v := f.value.(type) {
		case object:
			f.value = prune(v, sub)
		case []object:
			list := make([]object, len(v))
			for i := range v {
				list[i] = prune(v[i], sub)
			}
			f.value = list
		}
		kept.fields = append(kept.fields, f)
	}
	return kept
}

// whoAmI is /whoAmI/…; segs follow that.
func (c *call) whoAmI(segs []string) (*reply, bool) {
	if len(segs) == 0 {
		if !c.slash {
			return c.addSlash(), true
		}
		return c.page(http.StatusOK, "Who Am I? [Jenkins]", "<h1>Who Am I?</h1>"), true
	}
	if segs[0] != "api" {
		return c.notFound(), true
	}
	return c.api(segs[1:], func() object {
		name, anonymous, authorities := c.login.principal(), c.login.user == nil, []string{"authenticated"}
		if c.other != "" {
			name, anonymous = c.other, false
		}
		if anonymous {
			authorities = []string{"anonymous"}
		}
		o := object{"hudson.security.WhoAmI", "whoAmI", []field{
			{"anonymous", anonymous}, {"authenticated", true}, {"authorities", authorities},
		}}
		if c.j.rules.whoAmIDetails {
			o.fields = append(o.fields, field{"details", nil})
		}
		o.fields = append(o.fields, field{"name", name})
		if c.j.rules.whoAmIDetails {
			o.fields = append(o.fields, field{"toString", "org.acegisecurity.providers.UsernamePasswordAuthenticationToken: Username: " + name})
		}
		return o
	})
}

// userObject is hudson.model.User. Its properties are visible to those who
// administer it (2.84, SECURITY-514), and none of them shows a token.
func (c *call) userObject(u *user) object {
	name := u.id
	if c.other != "" {
		name = c.other
	}
	properties := []object{}
	if c.login.canAdminister(u) {
		for _, class := range []string{
			"jenkins.security.ApiTokenProperty", "hudson.model.MyViewsProperty", "hudson.model.PaneStatusProperties",
			"jenkins.security.seed.UserSeedProperty", "hudson.search.UserSearchProperty", "hudson.model.TimeZoneProperty",
			"jenkins.model.experimentalflags.UserExperimentalFlagsProperty", "hudson.security.HudsonPrivateSecurityRealm$Details",
		} {
			p := object{class: class}
			if class == "hudson.search.UserSearchProperty" {
				p.fields = []field{{"insensitiveSearch", true}}
			}
			properties = append(properties, p)
		}
	}
	return object{"hudson.model.User", "user", []field{
		{"absoluteUrl", c.rootURL() + "/user/" + rawEncode(userKey(name))},
		{"description", nil}, {"fullName", name}, {"id", name}, {"property", properties},
	}}
}

// rawEncode is hudson.Util.rawEncode: '@' stays, a space is %20.
func rawEncode(s string) string {
	return strings.NewReplacer("%40", "@", "%3A", ":").Replace(url.PathEscape(s))
}

// rootObject is hudson.model.Hudson.
func (c *call) rootObject() object {
	root := c.rootURL() + "/"
	view := object{"hudson.model.AllView", "view", []field{{"name", "all"}, {"url", root}}}
	jobs := []object{}
	for _, name := range slices.Sorted(slices.Values(c.j.config.jobs)) {
		jobs = append(jobs, object{"hudson.model.FreeStyleProject", "job", []field{
			{"name", name}, {"url", c.jobURL(name)}, {"color", "notbuilt"},
		}})
	}
	return object{"hudson.model.Hudson", "hudson", []field{
		{"assignedLabels", []object{{"", "assignedLabel", []field{{"name", "built-in"}}}}},
		{"mode", "NORMAL"}, {"nodeDescription", "the Jenkins controller's built-in node"}, {"nodeName", ""},
		{"numExecutors", 2}, {"description", nil}, {"jobs", jobs}, {"overallLoad", object{}}, {"primaryView", view},
		{"quietDownReason", nil}, {"quietingDown", false}, {"slaveAgentPort", -1},
		{"unlabeledLoad", object{class: "jenkins.model.UnlabeledLoadStatistics"}},
		{"url", root}, {"useCrumbs", !c.j.config.noCrumbs}, {"useSecurity", true}, {"views", []object{view}},
	}}
}
