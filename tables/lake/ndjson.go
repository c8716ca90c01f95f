package lake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonFile reads objects: one a line, or in any other white space, or as the
// elements of one array.
type jsonFile struct {
	io.Closer
	dec   *json.Decoder
	array bool
	raw   json.RawMessage
	where func(offset int64, blanks bool) int64 // see lineAt
}

func (ds *dataset) openJSON(path, name string) (*jsonFile, error) {
	text, err := openText(path, name, ds.charset)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(text, 256<<10)
	f := &jsonFile{Closer: text, where: func(offset int64, blanks bool) int64 {
		r, err := openText(path, name, ds.charset)
		if err != nil {
			return 0
		}
		defer r.Close()
		return lineAt(r, offset, blanks)
	}}
	for n := 1; ; n++ { // is the first character an opening bracket?
		head, err := in.Peek(n)
		if len(head) < n {
			if err != io.EOF {
				text.Close()
				return nil, err
			}
			break
		}
		if b := head[n-1]; b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			f.array = b == '['
			break
		}
	}
	f.dec = json.NewDecoder(&bounded{r: in, f: f})
	if f.array {
		if _, err := f.dec.Token(); err != nil {
			text.Close()
			return nil, f.fail(err)
		}
	}
	return f, nil
}

// bounded stops a value that does not end: the decoder holds it in memory.
type bounded struct {
	r    io.Reader
	f    *jsonFile
	read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.f.dec != nil && b.read-b.f.dec.InputOffset() > 2*maxRecord {
		return 0, &problem{Line: b.f.where(b.f.dec.InputOffset(), true), What: fmt.Sprintf("a value is longer than %d MiB", maxRecord>>20)}
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}

// lineAt is the line of the byte at offset; with blanks, of the first byte from
// there on that is none.
func lineAt(r io.Reader, offset int64, blanks bool) int64 {
	in := bufio.NewReaderSize(r, 64<<10)
	line := int64(1)
	for at := int64(0); ; at++ {
		b, err := in.ReadByte()
		if err != nil || at >= offset && (!blanks || b != ' ' && b != '\t' && b != '\r' && b != '\n') {
			return line
		}
		if b == '\n' {
			line++
		}
	}
}

// fail says where the text is no JSON.
func (f *jsonFile) fail(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &problem{Line: f.where(syntax.Offset-1, false), What: "this is not JSON: " + syntax.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
		return &problem{Line: f.where(f.dec.InputOffset(), true), What: "the file ends within the JSON value that begins here"}
	}
	return err
}

// next calls member for every member of the next object, or returns io.EOF.
func (f *jsonFile) next(member func(key string, value []byte) error) error {
	if f.array && !f.dec.More() {
		if _, err := f.dec.Token(); err != nil {
			return f.fail(err)
		}
		f.array = false // nothing may follow
	}
	f.raw = f.raw[:0]
	if err := f.dec.Decode(&f.raw); err != nil {
		if err == io.EOF && !f.array {
			return io.EOF
		}
		return f.fail(err)
	}
	err := eachMember(f.raw, member)
	var p *problem
	if errors.As(err, &p) && p.Line == 0 {
		p.Line = f.line()
	}
	return err
}

// line is where the last object begins.
func (f *jsonFile) line() int64 { return f.where(f.dec.InputOffset()-int64(len(f.raw)), false) }

// eachMember walks over the members of raw, which is valid JSON.
func eachMember(raw []byte, member func(key string, value []byte) error) error {
	if raw[0] != '{' {
		return &problem{What: "this is not a JSON object: a row is an object whose members are its columns"}
	}
	if !utf8.Valid(raw) {
		return &problem{What: "the text is not UTF-8"}
	}
	i := 1
	space := func() {
		for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r' || raw[i] == ',' || raw[i] == ':' {
			i++
		}
	}
	for {
		if space(); raw[i] == '}' {
			return nil
		}
		start := i
		i = valueEnd(raw, i)
		key, err := unquote(raw[start:i])
		if err != nil {
			return err
		}
		space()
		start = i
		i = valueEnd(raw, i)
		if err := member(string(key), raw[start:i]); err != nil {
			return err
		}
	}
}

// valueEnd is the end of the value that begins at i of valid JSON.
func valueEnd(raw []byte, i int) int {
	depth := 0
	for ; ; i++ {
		switch raw[i] {
		case '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // ends a bare word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
}

// unquote gives the text of a JSON string.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return []byte(s), err
}

func (ds *dataset) profileJSON(ctx context.Context, p *profile, path, name string) error {
	f, err := ds.openJSON(path, name)
	if err != nil {
		return err
	}
	defer f.Close()
	type known struct {
		*stats
		name string // as it was spelled first
		key  string // as it was spelled last, in row
		row  int64
	}
	exact, folded := map[string]*known{}, map[string]*known{}
	var order []*known
	for {
		err := f.next(func(key string, value []byte) error {
			c := exact[key]
			if c == nil {
				if c = folded[fold(key)]; c == nil {
					st := newStats()
					c = &known{stats: &st, name: key, row: -1}
					folded[fold(key)] = c
					order = append(order, c)
				}
				exact[key] = c
			}
			if c.row == p.Rows && c.key != key {
				return &problem{What: "two members have names that differ in case only, which SQL does not tell apart"}
			}
			c.key, c.row = key, p.Rows
			return c.addJSON(value)
		})
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if p.Rows++; p.Rows%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	named := make([]string, len(order))
	for i, c := range order {
		named[i] = c.name
	}
	for i, name := range names(named) {
		p.Columns = append(p.Columns, fileColumn{Name: name, Key: fold(order[i].name), Stats: order[i].stats})
	}
	return nil
}

// addJSON takes a JSON value: its own type counts, so that the string "12"
// stays text; a string may be a date, which JSON has no type for.
func (st *stats) addJSON(value []byte) error {
	switch value[0] {
	case 'n':
	case '"':
		s, err := unquote(value)
		if err != nil {
			return err
		}
		st.add(s, asTemporal)
		if len(s) == 0 || len(trim(view(s))) == 0 {
			st.Can = 0 // a string is there on purpose
		}
	case 't', 'f':
		st.add(value, asBool)
	case '{', '[':
		st.addNested(len(value))
	default:
		st.add(value, asNumber)
	}
	return nil
}
