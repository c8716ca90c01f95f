package rest

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"iter"

	"argo/tables/fault"
)

// Sheet is a CSV or TSV text whose first line is a header. Fields are found by
// name: sources add and reorder columns.
type Sheet struct {
	Header []string
	in     *csv.Reader
	at     map[string]int
	end    func() error
}

// NewSheet reads the header. comma separates the fields; a byte order mark is
// skipped; quotes are those of RFC 4180. Every column in need must be there.
// A text without a header, without a needed column or with one twice is a
// Broken fault.
func NewSheet(r io.Reader, comma rune, need ...string) (*Sheet, error) {
	last := &lastByte{r: r}
	in := bufio.NewReaderSize(last, 64<<10)
	if bom, _ := in.Peek(3); string(bom) == "\xef\xbb\xbf" {
		in.Discard(3)
	}
	s := &Sheet{in: csv.NewReader(in), at: map[string]int{}}
	s.in.Comma = comma
	header, err := s.in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Broken, "the reply is empty: not even a header")
	}
	if err != nil {
		return nil, csvFault(err)
	}
	s.Header = append([]string(nil), header...)
	s.in.ReuseRecord = true
	s.in.FieldsPerRecord = len(header)
	twice := map[string]bool{}
	for i, h := range s.Header {
		if _, ok := s.at[h]; ok {
			twice[h] = true
			continue
		}
		s.at[h] = i
	}
	for _, n := range need {
		if _, ok := s.at[n]; !ok {
			return nil, fault.New(fault.Broken, "the reply has no column %q; it has %q", n, s.Header)
		}
		if twice[n] {
			return nil, fault.New(fault.Broken, "the reply has the column %q twice", n)
		}
	}
	// A body without a known end that stops in the middle of a line was cut.
	if b, ok := r.(*Body); ok && !b.Delimited() {
		s.end = func() error {
			if last.b != '\n' {
				return fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the reply was cut")
			}
			return nil
		}
	}
	return s, nil
}

// At gives the position of a column, -1 where there is none; of columns of the
// same name the first.
func (s *Sheet) At(name string) int {
	if i, ok := s.at[name]; ok {
		return i
	}
	return -1
}

// Rows streams the fields of every line after the header; the slice is reused.
// A line with another number of fields, or a quote that never ends, is a Broken
// fault.
func (s *Sheet) Rows() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for {
			rec, err := s.in.Read()
			if errors.Is(err, io.EOF) {
				if s.end != nil {
					if err := s.end(); err != nil {
						yield(nil, err)
					}
				}
				return
			}
			if err != nil {
				yield(nil, csvFault(err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func csvFault(err error) error {
	if fault.As(err) != nil {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.Wrap(fault.Unavailable, err, "the reply was cut")
	}
	return fault.Wrap(fault.Broken, err, "the reply cannot be read")
}

// lastByte remembers the last byte that was read.
type lastByte struct {
	r io.Reader
	b byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.b = p[n-1]
	}
	return n, err
}
