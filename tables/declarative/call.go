package declarative

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"argo/tables/fault"
	"argo/tables/rest"
)

// call is a request that was understood.
type call struct {
	c       *client
	o       callOptions
	method  string
	path    template
	query   map[string]template
	headers map[string]template
	form    map[string]template
	body    any // JSON with templates in place of texts
	used    map[string]bool
	size    int
}

// call understands a request; scan are the names that its templates may have
// beside those of pages.
func (c *client) call(o callOptions, scan []string) (*call, error) {
	k := &call{c: c, o: o, used: map[string]bool{}, query: map[string]template{}, headers: map[string]template{}, form: map[string]template{}}
	text := o.Get
	switch k.method = "GET"; {
	case (o.Get == "") == (o.Post == ""):
		return nil, errors.New("get: write get: /path or post: /path, and one of them")
	case o.Post != "":
		k.method, text = "POST", o.Post
	case o.JSON != nil || o.Form != nil:
		return nil, errors.New("get: has no body; json and form are for post")
	case o.JSON != nil && o.Form != nil:
		return nil, errors.New("json: there is form as well; keep one")
	}
	verb := strings.ToLower(k.method)
	if err := checkPath(text); err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	pages := map[string][]string{"page": {"page", "limit"}, "offset": {"offset", "limit"}, "cursor": {"cursor", "limit"}, "next": {"limit"}, "link": {"limit"}}[o.Paging.Style]
	names := slices.Concat(scan, pages)
	parse := func(at, text string) (template, error) {
		t, err := parseTemplate(text, names...)
		if err != nil {
			return t, fmt.Errorf("%s: %w", at, err)
		}
		for _, n := range t.names() {
			k.used[n] = true
		}
		return t, nil
	}
	var err error
	if k.path, err = parse(verb, text); err != nil {
		return nil, err
	}
	for at, texts := range map[string]map[string]string{"query": o.Query, "headers": o.Headers, "form": o.Form} {
		for name, text := range texts {
			t, err := parse(at+"."+name, text)
			if err != nil {
				return nil, err
			}
			switch at {
			case "query":
				k.query[name] = t
			case "form":
				k.form[name] = t
			default:
				if err := headerName(name); err != nil {
					return nil, fmt.Errorf("headers: %w", err)
				}
				k.headers[name] = t
			}
		}
	}
	if k.body, err = k.understand(o.JSON, parse); err != nil {
		return nil, err
	}
	switch o.Format {
	case "", "json", "ndjson", "csv", "tsv":
	default:
		return nil, fmt.Errorf("format: %q is none of json, ndjson, csv and tsv", o.Format)
	}
	if o.Format != "" && o.Format != "json" {
		for name, value := range map[string]string{"rows": o.Rows, "total": o.Total, "pages": o.Pages, "more": o.More, "truncated": o.Truncated} {
			if value != "" {
				return nil, fmt.Errorf("%s: is a path in JSON; the format is %s", name, o.Format)
			}
		}
		if o.One || o.Paging.Style == "cursor" || o.Paging.Style == "next" {
			return nil, fmt.Errorf("format: %s has no cursor, no next link and no object in its replies", o.Format)
		}
	}
	if o.MaxRows < 0 {
		return nil, errors.New("max_rows: is the number of rows at which the API cuts a reply")
	}
	return k, k.paging()
}

// paging checks the options of pages and adds their parameters.
func (k *call) paging() error {
	p := k.o.Paging
	if p.Size < 0 || p.Size > 1e6 {
		return fmt.Errorf("paging.size: %d is no number of rows", p.Size)
	}
	need := map[string]string{"page": "page", "offset": "offset", "cursor": "cursor"}[p.Style]
	switch p.Style {
	case "":
		if p != (pagingOptions{}) {
			return errors.New("paging.style: is missing; write page, offset, cursor, next or link")
		}
		if k.o.Pages != "" || k.o.More != "" {
			return errors.New("paging: is missing; the API says how many pages there are, so describe how the next one is asked for")
		}
		return nil
	case "cursor", "next":
		if p.From == "" {
			return fmt.Errorf("paging.from: is missing: the path in the reply at which the %s stands", map[string]string{"cursor": "cursor", "next": "next URL"}[p.Style])
		}
	case "page", "offset", "link":
		if p.From != "" {
			return fmt.Errorf("paging.from: is for cursor and next, the style is %s", p.Style)
		}
	default:
		return fmt.Errorf("paging.style: %q is none of page, offset, cursor, next and link", p.Style)
	}
	if p.First != nil && p.Style != "page" {
		return errors.New("paging.first: is for the style page: the number of the first one")
	}
	add := func(param, name, key string) error {
		if param == "" {
			return nil
		}
		if _, twice := k.query[param]; twice || k.used[name] {
			return fmt.Errorf("paging.%s: the request has it already: keep %s or {%s}", key, param, name)
		}
		k.used[name] = true
		k.query[param] = template{[]place{{name: name}}}
		return nil
	}
	if need != "" {
		if err := add(p.Param, need, "param"); err != nil {
			return err
		}
		if !k.used[need] {
			return fmt.Errorf("paging.param: is missing: the parameter of the %s, unless {%s} stands in the request", need, need)
		}
	} else if p.Param != "" {
		return fmt.Errorf("paging.param: is not for the style %s: the link has all parameters", p.Style)
	}
	if err := add(p.SizeParam, "limit", "size_param"); err != nil {
		return err
	}
	if k.used["limit"] != (p.Size > 0) {
		return errors.New("paging.size: and size_param (or {limit} in the request) belong together")
	}
	return nil
}

// understand turns the texts of a JSON body into templates.
func (k *call) understand(v any, parse func(at, text string) (template, error)) (any, error) {
	switch v := v.(type) {
	case string:
		return parse("json", v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = k.understand(v[i], parse); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			var err error
			if out[name], err = k.understand(x, parse); err != nil {
				return nil, err
			}
		}
		return out, nil
	case nil, bool, int, int64, uint64, float64:
		return v, nil
	}
	return nil, errors.New("json: holds something that JSON has not: quote dates, and let keys be texts")
}

// absent is what a member of a body becomes that is left out.
type absent struct{}

func build(v any, with values) (any, error) {
	switch v := v.(type) {
	case template:
		if p, ok := v.sole(); ok {
			if p.name == "columns" {
				return with.fields, nil
			}
			text, found := with.get(p)
			if !found {
				return absent{}, nil
			}
			if p.number || p.name == "page" || p.name == "offset" || p.name == "limit" || p.layout != nil && p.layout.Numeric() {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return nil, fault.New(fault.Config, "{%s} is to be a number, and is none", p.name)
				}
				return n, nil
			}
			return text, nil
		}
		text, ok, err := v.fill(with, nil)
		if !ok {
			return absent{}, err
		}
		return text, err
	case []any:
		out := []any{}
		for _, x := range v {
			y, err := build(x, with)
			if err != nil {
				return nil, err
			}
			if y != (absent{}) {
				out = append(out, y)
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			y, err := build(x, with)
			if err != nil {
				return nil, err
			}
			if _, gone := y.(absent); !gone {
				out[name] = y
			}
		}
		return out, nil
	}
	return v, nil
}

// segment escapes a value of a path.
func segment(s string) (string, error) {
	if s == "" || s == "." || s == ".." {
		return "", fault.New(fault.Invalid, "%q cannot stand in a path", s)
	}
	return url.PathEscape(s), nil
}

func fillAll(texts map[string]template, v values) (map[string]string, error) {
	out := map[string]string{}
	for name, t := range texts {
		s, ok, err := t.fill(v, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			out[name] = s
		}
	}
	return out, nil
}

// request for a page. next, where not nil, is where the API says that it is.
func (k *call) request(v values, next *url.URL) (rest.Request, error) {
	r := rest.Request{Method: k.method, Limits: k.c.limits}
	if v.account.ID != "" {
		r.Object, r.Account = "account "+v.account.ID, v.account.ID
	}
	head, err := fillAll(k.headers, v)
	if err != nil {
		return r, err
	}
	r.Head = http.Header{}
	for name, s := range head {
		if strings.ContainsAny(s, "\r\n\x00") {
			return r, fault.New(fault.Invalid, "connection %s: the header %s would have a line break", k.c.env.Name, name)
		}
		r.Head.Set(name, s)
	}
	if next != nil {
		r.Path = next.EscapedPath()
		if r.Query, err = url.ParseQuery(next.RawQuery); err != nil {
			return r, fault.New(fault.Broken, "connection %s: the next link has a query that cannot be read", k.c.env.Name)
		}
	} else {
		escaped, _, err := k.path.fill(v, segment)
		if err != nil {
			return r, err
		}
		r.Path, r.Query = k.c.below(escaped), url.Values{}
		query, err := fillAll(k.query, v)
		if err != nil {
			return r, err
		}
		for name, s := range query {
			r.Query.Set(name, s)
		}
	}
	switch {
	case k.o.Form != nil:
		form, err := fillAll(k.form, v)
		if err != nil {
			return r, err
		}
		body := url.Values{}
		for name, s := range form {
			body.Set(name, s)
		}
		r.Body, r.Type = []byte(body.Encode()), "application/x-www-form-urlencoded"
	case k.body != nil:
		body, err := build(k.body, v)
		if err != nil {
			return r, err
		}
		if r.Body, err = json.Marshal(body); err != nil {
			return r, fault.Wrap(fault.Internal, err, "connection %s: the body cannot be written", k.c.env.Name)
		}
	}
	return r, nil
}

// record is a row as it came: JSON, or the fields of a line.
type record struct {
	json any
	line []string
	at   map[string]int
	root any // of the reply
}

// get finds a value; ok is false where there is none.
func (r record) get(path string) (any, bool) {
	if r.at != nil {
		i, ok := r.at[path]
		if !ok || i >= len(r.line) {
			return nil, false
		}
		return r.line[i], true
	}
	if rest, ok := strings.CutPrefix(path, "^"); ok {
		return dig(r.root, rest)
	}
	return dig(r.json, path)
}

// dig follows a path: names of members, numbers of elements. A member whose name
// has the dots itself goes first.
func dig(v any, path string) (any, bool) {
	if path == "" || path == "." {
		return v, true
	}
	switch x := v.(type) {
	case map[string]any:
		if y, ok := x[path]; ok {
			return y, true
		}
		name, rest, more := strings.Cut(path, ".")
		if !more {
			return nil, false
		}
		y, ok := x[name]
		if !ok {
			return nil, false
		}
		return dig(y, rest)
	case []any:
		name, rest, _ := strings.Cut(path, ".")
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(x) {
			return nil, false
		}
		return dig(x[i], rest)
	}
	return nil, false
}

// textOf gives a text, number or flag as text, "" for null.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("is an object or a list")
}

// rows finds the list in a reply.
func (k *call) rows(root any, path string) ([]any, error) {
	front, back, star := strings.Cut(path, "*")
	front, back = strings.TrimSuffix(front, "."), strings.TrimPrefix(back, ".")
	at := path
	if star {
		at = front
	}
	v, ok := dig(root, at)
	switch list := v.(type) {
	case nil:
		if ok || k.o.Absent {
			return nil, nil
		}
		return nil, k.shape("the reply has no %s: rows leads to the list; at its top it has %s", cmp.Or(at, "list"), members(root))
	case []any:
		if !star {
			return list, nil
		}
		var out []any
		for _, x := range list {
			part, err := k.rows(x, back)
			if err != nil {
				return nil, err
			}
			out = append(out, part...)
		}
		return out, nil
	case map[string]any:
		if k.o.One && !star {
			return []any{list}, nil
		}
		if star && k.o.One {
			return k.rows(list, back)
		}
		return nil, k.shape("rows: %s is an object with %s and no list; one: true takes it for a list of one", cmp.Or(at, "the reply"), members(v))
	}
	return nil, k.shape("rows: %s is no list", cmp.Or(at, "the reply"))
}

func (k *call) shape(format string, args ...any) *fault.Error {
	return fault.New(fault.Broken, "connection %s: %s", k.c.env.Name, fmt.Sprintf(format, args...)).WithHint("argo sources --sample http shows rows and paging")
}

func members(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return "no members"
	}
	names := slices.Sorted(maps.Keys(m))
	return strings.Join(names[:min(8, len(names))], ", ")
}

// page is a reply that was read.
type page struct {
	rows int
	root any
	head http.Header
	sum  [sha256.Size]byte
	link *url.URL // of the request
}

// fetch asks for a page and gives its rows to take.
func (k *call) fetch(ctx context.Context, r rest.Request, take func(record) error) (p page, err error) {
	if turns := k.c.turns; turns != nil {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return p, fault.Wrap(fault.Canceled, ctx.Err(), "connection %s: the request was given up", k.c.env.Name)
		}
		defer func() { <-turns }()
	}
	res, err := k.c.rest.Do(ctx, r)
	if err != nil {
		return p, err
	}
	defer res.Body.Close()
	defer func() { res.Rows, res.Err = int64(p.rows), err }()
	p.head = res.Head
	if res.Status == http.StatusNoContent {
		return p, nil
	}
	each := func(x record) error {
		p.rows++
		return take(x)
	}
	sum := sha256.New()
	defer func() { sum.Sum(p.sum[:0]) }()
	switch k.o.Format {
	case "csv", "tsv":
		comma := ','
		if k.o.Format == "tsv" {
			comma = '\t'
		}
		sheet, err := rest.NewSheet(res.Body, comma)
		if err != nil {
			return p, k.about(err)
		}
		at := map[string]int{}
		for i, h := range sheet.Header {
			if _, twice := at[h]; twice {
				return p, k.shape("the reply has the column %q twice", h)
			}
			at[h] = i
		}
		for line, err := range sheet.Rows() {
			if err != nil {
				return p, k.about(err)
			}
			write(sum, line)
			if err := each(record{line: line, at: at}); err != nil {
				return p, err
			}
		}
		return p, nil
	case "ndjson":
		for v, err := range rest.Lines[any](io.TeeReader(res.Body, sum)) {
			if err != nil {
				return p, k.about(err)
			}
			if err := each(record{json: v}); err != nil {
				return p, err
			}
		}
		return p, nil
	}
	if err := rest.Decode(io.TeeReader(res.Body, sum), &p.root); err != nil {
		return p, k.about(err)
	}
	if v, _ := dig(p.root, k.o.Truncated); k.o.Truncated != "" && v != nil && v != false && v != "" && v != json.Number("0") && v != "false" {
		return p, k.shape("the API says that it cut its reply (%s)", k.o.Truncated).WithHint("ask for fewer days (max_days) or in pages")
	}
	list, err := k.rows(p.root, k.o.Rows)
	if err != nil {
		return p, err
	}
	for _, v := range list {
		if err := each(record{json: v, root: p.root}); err != nil {
			return p, err
		}
	}
	return p, nil
}

func write(h hash.Hash, line []string) {
	for _, s := range line {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
}

// about says whose reply it was.
func (k *call) about(err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	g := *f
	g.Message = "connection " + k.c.env.Name + ": " + f.Message
	return &g
}

// tooMany pages are no report any more but a circle.
const tooMany = 100_000

// each asks for all pages and gives their rows to take, and says how many calls
// that took. What the API states of its total has to be what came.
func (k *call) each(ctx context.Context, v values, take func(record) error) (calls int, err error) {
	var (
		p       = k.o.Paging
		read    int64
		number  = 1
		next    *url.URL
		cursors = map[string]bool{}
		last    [sha256.Size]byte
	)
	if p.First != nil {
		number = *p.First
	}
	first := number
	v.text = map[string]string{}
	if p.Size > 0 {
		v.text["limit"] = strconv.Itoa(p.Size)
	}
	for calls < tooMany {
		v.text["page"], v.text["offset"] = strconv.Itoa(number), strconv.FormatInt(read, 10)
		r, err := k.request(v, next)
		if err != nil {
			return calls, err
		}
		calls++
		got, err := k.fetch(ctx, r, take)
		if err != nil {
			return calls, err
		}
		read += int64(got.rows)
		if got.rows > 0 && calls > 1 && got.sum == last {
			return calls, k.shape("page %d is the page before it once more: the API does not know how it was asked for the next one", calls).WithHint("check paging: its style and param")
		}
		last = got.sum
		total, err := k.stated(got.root, "total", k.o.Total)
		if err != nil {
			return calls, err
		}
		pages, err := k.stated(got.root, "pages", k.o.Pages)
		if err != nil {
			return calls, err
		}
		more, flagged := false, k.o.More != ""
		if flagged && got.root != nil {
			x, found := dig(got.root, k.o.More)
			s, err := textOf(x)
			if !found || err != nil || s != "true" && s != "false" && s != "1" && s != "0" && s != "" && s != "Y" && s != "N" {
				return calls, k.shape("more: the reply has no flag at %s", k.o.More)
			}
			more = s == "true" || s == "1" || s == "Y"
		}
		end := func() (int, error) {
			switch {
			case total >= 0 && total != read:
				return calls, k.shape("the API says that there are %d rows, and %d came", total, read).WithHint("a total that moves while it is read comes right with the next try; else check paging and rows")
			case pages >= 0 && pages != int64(calls) && !(pages == 0 && read == 0):
				return calls, k.shape("the API says that there are %d pages, and %d came", pages, calls)
			case more:
				return calls, k.shape("the API says that there is more, and gives no way to it").WithHint("check paging: %s", p.Style)
			}
			return calls, nil
		}
		switch p.Style {
		case "":
			return end()
		case "page", "offset":
			switch {
			case total >= 0 && read >= total, pages >= 0 && int64(calls) >= pages, flagged && !more && total < 0 && pages < 0:
				return end()
			case got.rows == 0:
				return end()
			}
			number = first + calls
		case "cursor":
			x, _ := dig(got.root, p.From)
			s, err := textOf(x)
			if err != nil {
				return calls, k.shape("paging.from: %s is an object or a list, not a cursor", p.From)
			}
			if s == "" || s == "false" || flagged && !more {
				return end()
			}
			if cursors[s] {
				return calls, k.shape("the API gives the same cursor twice")
			}
			cursors[s] = true
			v.text["cursor"] = s
		default:
			link := ""
			if p.Style == "next" {
				x, _ := dig(got.root, p.From)
				if link, err = textOf(x); err != nil {
					return calls, k.shape("paging.from: %s is no URL", p.From)
				}
			} else {
				link = nextLink(got.head.Values("Link"))
			}
			if link == "" {
				return end()
			}
			if cursors[link] {
				return calls, k.shape("the API gives the same next link twice")
			}
			cursors[link] = true
			if next, err = k.follow(r.Path, link); err != nil {
				return calls, err
			}
		}
	}
	return calls, k.shape("there are more than %d pages", tooMany)
}

// stated gives a number that the API states of the whole, -1 where none is asked for.
func (k *call) stated(root any, key, path string) (int64, error) {
	if path == "" || root == nil {
		return -1, nil
	}
	v, _ := dig(root, path)
	s, err := textOf(v)
	n, err2 := strconv.ParseInt(s, 10, 64)
	if err != nil || err2 != nil || n < 0 {
		return 0, k.shape("%s: the reply has no number at %s", key, path)
	}
	return n, nil
}

// follow resolves a next link, which has to be on the host of base_url.
func (k *call) follow(from, link string) (*url.URL, error) {
	at := *k.c.base
	at.Path, at.RawPath, at.RawQuery = from, "", ""
	if u, err := url.PathUnescape(from); err == nil {
		at.Path, at.RawPath = u, from
	}
	u, err := at.Parse(link)
	if err != nil {
		return nil, k.shape("the next link is no URL")
	}
	if !strings.EqualFold(u.Scheme, k.c.base.Scheme) || !strings.EqualFold(hostOf(u), hostOf(k.c.base)) || u.User != nil || u.Opaque != "" {
		return nil, k.shape("the next link leads to another host than base_url, and is not followed")
	}
	return u, nil
}

func hostOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return u.Hostname() + ":" + port
}

// nextLink finds rel="next" in Link headers (RFC 8288).
func nextLink(headers []string) string {
	for _, h := range headers {
		for h != "" {
			open := strings.IndexByte(h, '<')
			if open < 0 {
				break
			}
			end := strings.IndexByte(h[open:], '>')
			if end < 0 {
				break
			}
			link := h[open+1 : open+end]
			h = h[open+end+1:]
			params := h
			if i := strings.IndexByte(h, '<'); i >= 0 {
				params = h[:i]
			}
			for part := range strings.SplitSeq(params, ";") {
				name, value, _ := strings.Cut(part, "=")
				value = strings.Trim(strings.TrimSpace(strings.TrimRight(strings.TrimSpace(value), ",")), `"`)
				if strings.EqualFold(strings.TrimSpace(name), "rel") && slices.ContainsFunc(strings.Fields(value), func(s string) bool { return strings.EqualFold(s, "next") }) {
					return link
				}
			}
		}
	}
	return ""
}

// classify says what a reply means: plain HTTP, and what success and faults say.
func (c *client) classify(r rest.Reply) rest.Class {
	class := rest.Classify(r)
	var code, message string
	found, failed := false, false
	body := bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf")))
	if s := c.success; s != nil && len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		var root any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if dec.Decode(&root) == nil {
			var v any
			if v, found = dig(root, s.Path); found {
				code, _ = textOf(v)
				failed = !slices.Contains(s.Value, code)
			}
			if s.Message != "" {
				v, _ := dig(root, s.Message)
				message, _ = textOf(v)
			}
		}
		if !found && r.Status < 300 && bytes.HasPrefix(body, []byte("{")) && r.Whole && dec.InputOffset() == int64(len(body)) {
			return rest.Class{Fault: fault.New(fault.Broken, "%s: the reply has no %s, which says whether it is an answer", r.About, s.Path).WithHint("check success: {path: …} of the connection")}
		}
	}
	if class.Fault == nil && !failed {
		return class
	}
	if class.Fault == nil {
		class.Fault = fault.New(fault.Invalid, "%s refuses the request (%s %s in HTTP %d)", r.About, c.success.Path, short(code), r.Status)
	}
	if message != "" {
		class.Fault.Message += ": " + short(message)
	}
	for _, f := range c.faults {
		if f.Status != 0 && f.Status != r.Status || len(f.Value) > 0 && (!found || !slices.Contains(f.Value, code)) {
			continue
		}
		class = rest.Class{Fault: class.Fault, RetryAfter: max(r.RetryAfter(), f.after)}
		class.Fault.Kind, class.Fault.Hint = fault.Kind(f.Kind), f.Hint
		class.Retry = f.Kind == "throttled" || f.Kind == "unavailable"
		class.Renew = f.Kind == "auth"
		break
	}
	if class.Fault.Hint == "" {
		switch class.Fault.Kind {
		case fault.Auth:
			class.Fault.Hint = "put a valid credential behind auth: of connection " + c.env.Name + ", then argo check"
		case fault.Denied:
			class.Fault.Hint = "ask the API's owner for the right to read this with the credential behind auth:"
		case fault.NotFound:
			class.Fault.Hint = "check base_url, the path of the table and the account's id"
		}
	}
	return class
}

func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}

// observe parks the budget for as long as the API wants to be left alone.
func (c *client) observe(r rest.Reply) []rest.Observation {
	after := r.RetryAfter()
	if r.Status != http.StatusTooManyRequests || after <= 0 {
		return nil
	}
	return []rest.Observation{{Key: c.limits[0].Key, Until: r.Now.Add(after), Reason: "the API answered 429 with Retry-After"}}
}
