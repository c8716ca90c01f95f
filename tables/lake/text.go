package lake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// problem says what is wrong with a file, and where: Line counts from 1, 0 is
// nowhere in particular. It becomes a fault that names the file.
type problem struct {
	Line int64  `json:"line,omitempty"`
	What string `json:"what"`
	Hint string `json:"hint,omitempty"`
}

func (p *problem) Error() string {
	if p.Line > 0 {
		return fmt.Sprintf("line %d: %s", p.Line, p.What)
	}
	return p.What
}

// charset gives the decoder of an encoding by its usual name; nil is UTF-8.
func charset(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8":
		return nil, nil
	case "cp949", "uhc", "ms949", "euckr": // the web's euc-kr is CP949, its superset
		name = "euc-kr"
	case "utf-16":
		name = "utf-16le" // a byte order mark goes before it
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("no encoding is called %q; there are utf-8, utf-16le, utf-16be, euc-kr (cp949), shift_jis, gb18030, big5, windows-1252 and the other names of the web", name)
	}
	return e, nil
}

// openText opens a file as a stream of UTF-8 without byte order mark. gzip and
// zstd are undone: the first bytes tell, and a name that promises them must
// keep the promise.
func openText(path, name string, enc encoding.Encoding) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := decompress(f, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{decode(r, enc), f}, nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// packed splits the suffix of a compression off a name.
func packed(name string) (rest, kind string) {
	for suffix, kind := range map[string]string{".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"} {
		if n := len(name) - len(suffix); n > 0 && strings.EqualFold(name[n:], suffix) {
			return name[:n], kind
		}
	}
	return name, ""
}

func decompress(f io.Reader, name string) (io.Reader, error) {
	_, promised := packed(name)
	b := bufio.NewReaderSize(f, 256<<10)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, &problem{What: "the gzip data is damaged: " + err.Error()}
		}
		return unpacked{z, "gzip"}, nil
	case bytes.HasPrefix(magic, zstdMagic):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<30))
		if err != nil {
			return nil, &problem{What: "the zstd data is damaged: " + err.Error()}
		}
		return unpacked{z, "zstd"}, nil
	case promised != "" && len(magic) > 0:
		return nil, &problem{What: "the name says " + promised + ", the first bytes do not"}
	}
	return b, nil
}

// unpacked tells damage of the compressed data from the end of the file.
type unpacked struct {
	io.Reader
	kind string
}

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	switch {
	case err == nil || err == io.EOF:
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = &problem{What: "the " + u.kind + " data is cut short"}
	case !errors.As(err, new(*os.PathError)):
		err = &problem{What: "the " + u.kind + " data is damaged: " + err.Error()}
	}
	return n, err
}

// decode gives UTF-8. A byte order mark wins over the option.
func decode(r io.Reader, enc encoding.Encoding) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	mark, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		b.Discard(3)
		return b
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Reader(b)
	case enc != nil:
		return &legacy{enc.NewDecoder().Reader(b)}
	}
	return b
}

// legacy refuses bytes that the encoding does not have: the decoder would put
// U+FFFD in their place, a character that no legacy encoding can spell.
type legacy struct{ r io.Reader }

func (l *legacy) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if i := bytes.Index(p[:n], []byte(string(utf8.RuneError))); i >= 0 {
		return 0, &problem{What: "there are bytes that are not of the encoding that the data set names", Hint: "set csv: {encoding: …} to what the file is in"}
	}
	return n, err
}
