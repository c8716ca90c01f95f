package lake

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxRecord bounds a CSV record and a JSON value: a quote that is never closed
// must not read the whole file into memory.
const maxRecord = 16 << 20

// dialect is how a CSV file is written. The zero byte stands for none.
type dialect struct {
	Delimiter byte `json:"delimiter"`
	Quote     byte `json:"quote"`
	Escape    byte `json:"escape"`  // within quotes; a doubled quote works always
	Newline   byte `json:"newline"` // '\n', which takes "\r\n" with it, or '\r'
	Header    bool `json:"header"`
}

// csvReader reads records as RFC 4180 has them, without allocating for each.
// A quote within a cell that does not begin with one is a character as any
// other. Empty lines are skipped.
type csvReader struct {
	in    *bufio.Reader
	d     dialect
	line  int64 // of the next byte
	start int64 // of the last record
	cells [][]byte
	// enclosed counts the cells of the last record that were in quotes.
	enclosed int
	long     []byte // a line beyond in's buffer
	record   []byte // a record of several lines
}

func newCSVReader(r io.Reader, d dialect) *csvReader {
	if d.Newline == 0 {
		d.Newline = '\n'
	}
	return &csvReader{in: bufio.NewReaderSize(r, 256<<10), d: d, line: 1}
}

// skip passes over n lines in front of the header.
func (c *csvReader) skip(n int) error {
	for range n {
		if _, err := c.readLine(); err != nil {
			return err
		}
	}
	return nil
}

// readLine gives a line with its end, valid until the next call. io.EOF comes
// alone, after the last line.
func (c *csvReader) readLine() ([]byte, error) {
	line, err := c.in.ReadSlice(c.d.Newline)
	if err == bufio.ErrBufferFull {
		c.long = c.long[:0]
		for err == bufio.ErrBufferFull && len(c.long) <= maxRecord {
			c.long = append(c.long, line...)
			line, err = c.in.ReadSlice(c.d.Newline)
		}
		c.long = append(c.long, line...)
		line = c.long
	}
	if len(line) > maxRecord {
		return nil, &problem{Line: c.line, What: fmt.Sprintf("the line is longer than %d MiB", maxRecord>>20)}
	}
	if len(line) > 0 && (err == nil || err == io.EOF) {
		c.line++
		return line, nil
	}
	return nil, err
}

// trimEnd takes the line end off.
func (c *csvReader) trimEnd(line []byte) []byte {
	n := len(line)
	if n > 0 && line[n-1] == c.d.Newline {
		if n--; n > 0 && c.d.Newline == '\n' && line[n-1] == '\r' {
			n--
		}
	}
	return line[:n]
}

// next gives the cells of the next record, valid until the next call, or
// io.EOF. Any other error is a *problem or what the reader below said.
func (c *csvReader) next() ([][]byte, error) {
	line, err := c.readLine()
	for err == nil && len(c.trimEnd(line)) == 0 {
		line, err = c.readLine()
	}
	if err != nil {
		return nil, err
	}
	c.start = c.line - 1
	c.cells, c.enclosed = c.cells[:0], 0
	if c.d.Quote == 0 || bytes.IndexByte(line, c.d.Quote) < 0 {
		line = c.trimEnd(line)
		if !utf8.Valid(line) {
			return nil, c.invalid(line)
		}
		for {
			i := bytes.IndexByte(line, c.d.Delimiter)
			if i < 0 {
				c.cells = append(c.cells, line)
				return c.cells, nil
			}
			c.cells = append(c.cells, line[:i:i])
			line = line[i+1:]
		}
	}
	if c.d.open(line, false) {
		if line, err = c.join(line); err != nil {
			return nil, err
		}
	}
	line = c.trimEnd(line)
	if !utf8.Valid(line) {
		return nil, c.invalid(line)
	}
	return c.split(line)
}

// join reads on until the quote that line leaves open is closed.
func (c *csvReader) join(line []byte) ([]byte, error) {
	c.record = append(c.record[:0], line...)
	for open := true; open; {
		line, err := c.readLine()
		switch {
		case err == io.EOF:
			return nil, &problem{Line: c.start, What: "a quote is opened and never closed"}
		case err != nil:
			return nil, err
		}
		c.record = append(c.record, line...)
		if len(c.record) > maxRecord {
			return nil, &problem{Line: c.start, What: fmt.Sprintf("a quote is opened and not closed for %d MiB", maxRecord>>20)}
		}
		open = c.d.open(line, true)
	}
	return c.record, nil
}

// open says whether line ends within quotes, having begun so or not.
func (d dialect) open(line []byte, quoted bool) bool {
	for {
		if quoted {
			i := d.closing(line)
			if i < 0 {
				return true
			}
			line = line[i+1:]
		}
		if !quoted && len(line) > 0 && line[0] == d.Quote {
			quoted, line = true, line[1:]
			continue
		}
		quoted = false
		i := bytes.IndexByte(line, d.Delimiter)
		if i < 0 {
			return false
		}
		line = line[i+1:]
	}
}

// closing is the place of the quote that ends a quoted cell, or -1.
func (d dialect) closing(b []byte) int {
	for i := 0; i < len(b); i++ {
		if d.Escape == 0 {
			j := bytes.IndexByte(b[i:], d.Quote)
			if j < 0 {
				return -1
			}
			i += j
		}
		switch {
		case d.Escape != 0 && b[i] == d.Escape && b[i] != d.Quote:
			i++
		case b[i] == d.Quote && i+1 < len(b) && b[i+1] == d.Quote:
			i++
		case b[i] == d.Quote:
			return i
		}
	}
	return -1
}

// split cuts a complete record, undoing quotes in place.
func (c *csvReader) split(line []byte) ([][]byte, error) {
	d := c.d
	for {
		if len(line) == 0 || line[0] != d.Quote {
			i := bytes.IndexByte(line, d.Delimiter)
			if i < 0 {
				c.cells = append(c.cells, line)
				return c.cells, nil
			}
			c.cells = append(c.cells, line[:i:i])
			line = line[i+1:]
			continue
		}
		line = line[1:]
		end := d.closing(line)
		if end < 0 {
			return nil, &problem{Line: c.start, What: "a quote is opened and never closed"}
		}
		c.cells = append(c.cells, d.unescape(line[:end:end]))
		c.enclosed++
		line = line[end+1:]
		if len(line) == 0 {
			return c.cells, nil
		}
		if line[0] != d.Delimiter {
			return nil, &problem{Line: c.start, What: fmt.Sprintf("column %d: there is text behind the closing quote", len(c.cells)),
				Hint: "a quote within quotes is written twice; csv: {quote: none} reads quotes as characters"}
		}
		line = line[1:]
	}
}

// unescape makes one of two quotes, in place.
func (d dialect) unescape(b []byte) []byte {
	if bytes.IndexByte(b, d.Quote) < 0 && (d.Escape == 0 || bytes.IndexByte(b, d.Escape) < 0) {
		return b
	}
	n := 0
	for i := 0; i < len(b); i++ {
		if (b[i] == d.Quote || d.Escape != 0 && b[i] == d.Escape) && i+1 < len(b) {
			i++
		}
		b[n] = b[i]
		n++
	}
	return b[:n]
}

// invalid says in which column of a record the text is not UTF-8.
func (c *csvReader) invalid(line []byte) error {
	i := 0
	for i < len(line) {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return &problem{Line: c.start, What: fmt.Sprintf("column %d: the text is not UTF-8", bytes.Count(line[:i], []byte{c.d.Delimiter})+1),
		Hint: "if the file is in another encoding, say so: csv: {encoding: cp949}"}
}
