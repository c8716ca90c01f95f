package lake

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"argo/tables"

	"github.com/cockroachdb/apd/v3"
	"github.com/parquet-go/parquet-go"
)

// FuzzDetect: whatever a CSV file holds, it is refused with a problem, or its
// types hold all of it: the conversion succeeds and loses no row.
func FuzzDetect(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "a;b\n1,5;\"x\ny\"\n", "\xff\xfea\x00\n\x001\x00", "'a','b'\n'1','2'\n", "a\rb\r1", "01-02-2023\n31-12-2023\n",
		"1.5\n1e5\n99999999999999999999\n", "\n\n,\n", "\xef\xbb\xbfa\n1", "a,A,\n-0,-.5,5.\n", "a\n2023-01-01\n2023-01-01 10:00+09:00\n", "x\n  \n1\n", "a\nTRUE\nfalse\n"} {
		f.Add([]byte(s), false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, pad bool) {
		path := filepath.Join(dir, "t.csv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ds := &dataset{datasetOptions: datasetOptions{Name: "t", CSV: csvOptions{Pad: pad}}}
		o := object{name: path}
		p, err := ds.profileText(t.Context(), path, o, formatCSV)
		if err != nil {
			t.Fatal(err)
		}
		if p.Problem != nil {
			return
		}
		columns, err := ds.columns([]source{{o, p}}, []object{o})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := ds.convert(t.Context(), path, o, p, columns, &out); err != nil {
			t.Fatalf("%v: %v", columns, err)
		}
		file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if file.NumRows() != p.Rows {
			t.Errorf("%d rows became %d", p.Rows, file.NumRows())
		}
	})
}

// FuzzTypes: the type of a column holds each of its values as it is written,
// and what is known of two halves is what is known of the whole.
func FuzzTypes(f *testing.F) {
	for _, s := range []string{"1 2", "007 1", "1.5 -2", "1e3 12345678901234567", "99999999999999999999 1.5", "31/12/2023 01/02/2023", "12/31/2023 1/2/2023",
		"2023-01-01 2023-01-01T10:00:00.5Z", "true FALSE", "Aug 1", "0.000000000000000000000000000000000000001 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cells := strings.Fields(text)
		all, first, second := newStats(), newStats(), newStats()
		for i, c := range cells {
			all.add([]byte(c), asAny)
			half := &first
			if i >= len(cells)/2 {
				half = &second
			}
			half.add([]byte(c), asAny)
		}
		first.merge(second)
		if first.typ() != all.typ() || first.Can != all.Can || first.monthFirst() != all.monthFirst() {
			t.Errorf("halves: %+v, whole: %+v", first, all)
		}
		var out bytes.Buffer
		typ := all.typ()
		s := newSheet(&out, []sheetColumn{{name: "v", cast: cast{typ: typ, monthFirst: all.monthFirst()}}})
		for _, c := range cells {
			if !s.text(0, []byte(c)) {
				t.Fatalf("%q is no %s", c, typ)
			}
			v := s.columns[0].values[len(s.columns[0].values)-1]
			same := true
			switch typ.Kind {
			case tables.Int, tables.Decimal:
				want, _, err := apd.NewFromString(c)
				if err != nil {
					t.Fatal(err)
				}
				got := apd.New(0, int32(-typ.Scale))
				if v.Kind() == parquet.Int64 {
					got.SetFinite(v.Int64(), int32(-typ.Scale))
				} else {
					got = apd.NewWithBigInt(new(apd.BigInt).SetBytes(v.ByteArray()), int32(-typ.Scale))
					if v.ByteArray()[0]&0x80 != 0 {
						got.Coeff.Sub(&got.Coeff, new(apd.BigInt).SetMathBigInt(modulus))
						got.Negative = got.Coeff.Sign() < 0
						got.Coeff.Abs(&got.Coeff)
					}
				}
				same = got.Cmp(want) == 0
			case tables.Double:
				same = !math.IsInf(v.Double(), 0) && !math.IsNaN(v.Double())
			case tables.Text:
				same = string(v.ByteArray()) == c
			}
			if !same {
				t.Errorf("%q became %v as %s", c, v, typ)
			}
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzJSON: members are found as the standard library finds them.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,{"c":"]}"}],"d":"x\"y","e":null}`))
	f.Add([]byte("[{\"a\":1}]"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "t.ndjson")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ds := &dataset{datasetOptions: datasetOptions{Name: "t"}}
		o := object{name: path}
		p, err := ds.profileText(t.Context(), path, o, formatNDJSON)
		if err != nil {
			t.Fatal(err)
		}
		if p.Problem != nil {
			return
		}
		columns, err := ds.columns([]source{{o, p}}, []object{o})
		if err != nil {
			t.Fatal(err)
		}
		if err := ds.convert(t.Context(), path, o, p, columns, io.Discard); err != nil {
			t.Fatalf("%v: %v", columns, err)
		}
	})
}

// FuzzCSV: what the reader gives, written with every cell in quotes, reads back
// the same.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\nc,d\n", "\"a\"\"b\",\"c\nd\"\r\n", "a\"b,c", "\"", ",,\n\n,"} {
		f.Add([]byte(s))
	}
	d := dialect{Delimiter: ',', Quote: '"'}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(data []byte) (records [][]string, err error) {
			r := newCSVReader(bytes.NewReader(data), d)
			for {
				cells, err := r.next()
				if err == io.EOF {
					return records, nil
				}
				if err != nil {
					return nil, err
				}
				var record []string
				for _, c := range cells {
					record = append(record, string(c))
				}
				records = append(records, record)
			}
		}
		records, err := read(data)
		if err != nil {
			if !errors.As(err, new(*problem)) {
				t.Fatal(err)
			}
			return
		}
		var out bytes.Buffer
		for _, r := range records {
			for i, c := range r {
				if i > 0 {
					out.WriteByte(',')
				}
				out.WriteString(`"` + strings.ReplaceAll(c, `"`, `""`) + `"`)
			}
			out.WriteByte('\n')
		}
		again, err := read(out.Bytes())
		if err != nil || !reflect.DeepEqual(records, again) {
			t.Errorf("%q became %q: %v", records, again, err)
		}
	})
}
