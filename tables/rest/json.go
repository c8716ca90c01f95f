package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"argo/tables/fault"
)

// Elements streams the elements of an array inside a JSON text, without ever
// holding the text. path leads to the array: a name steps into that member of
// an object, "*" into every element of an array (or, where there is an object
// instead of an array, into that object). Elements(r, []string{"*", "results"},
// …) reads both [{"results":[a,b]},{"results":[c]}] and {"results":[a]}.
//
// Numbers stay text (json.Number), so that no int64 and no money passes through
// a float. Members beside the path go to other, in order, where it is non-nil;
// its error ends the stream. An absent or null array has no elements. A text
// that ends early is an Unavailable fault, one that is not JSON or has another
// shape a Broken one.
func Elements[T any](r io.Reader, path []string, other func(name string, value json.RawMessage) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		dec := json.NewDecoder(r)
		dec.UseNumber()
		w := walker[T]{dec, other, yield}
		err := w.walk(path)
		if err == nil {
			if _, err = dec.Token(); errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = errors.New("there is more after the end")
			}
		}
		if !errors.Is(err, errStop) {
			var zero T
			yield(zero, jsonFault(err))
		}
	}
}

var errStop = errors.New("stop")

func jsonFault(err error) error {
	switch {
	case fault.As(err) != nil:
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the reply was cut")
	}
	return fault.Wrap(fault.Broken, err, "the reply cannot be read")
}

type walker[T any] struct {
	dec   *json.Decoder
	other func(string, json.RawMessage) error
	yield func(T, error) bool
}

// walk consumes one value.
func (w walker[T]) walk(path []string) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch {
	case t == nil:
		return nil
	case len(path) == 0 && t == json.Delim('['):
		return w.each(w.element)
	case len(path) > 0 && path[0] == "*" && t == json.Delim('['):
		return w.each(func() error { return w.walk(path[1:]) })
	case len(path) > 0 && path[0] == "*" && t == json.Delim('{'):
		return w.members(path[1:])
	case len(path) > 0 && t == json.Delim('{'):
		return w.members(path)
	}
	return errors.New("the JSON has another shape than documented")
}

func (w walker[T]) element() error {
	var v T
	if err := w.dec.Decode(&v); err != nil {
		return err
	}
	if !w.yield(v, nil) {
		return errStop
	}
	return nil
}

func (w walker[T]) each(do func() error) error {
	for w.dec.More() {
		if err := do(); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w walker[T]) members(path []string) error {
	if len(path) == 0 || path[0] == "*" {
		return errors.New("the JSON has another shape than documented")
	}
	return w.each(func() error {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if name == path[0] {
			return w.walk(path[1:])
		}
		var raw json.RawMessage
		if err := w.dec.Decode(&raw); err != nil {
			return err
		}
		if w.other != nil {
			return w.other(name, raw)
		}
		return nil
	})
}

// Lines streams newline-delimited JSON. Empty lines are skipped, numbers stay
// text. Faults: as Elements.
func Lines[T any](r io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := in.ReadBytes('\n')
			end := errors.Is(err, io.EOF)
			if err != nil && !end {
				yield(zero, jsonFault(err))
				return
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				dec := json.NewDecoder(bytes.NewReader(line))
				dec.UseNumber()
				var v T
				err := dec.Decode(&v)
				if err == nil && dec.More() {
					err = errors.New("there is more after the end")
				}
				if err != nil {
					yield(zero, jsonFault(err))
					return
				}
				if !yield(v, nil) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}

// Decode reads one whole JSON value into v, numbers as text where v is open.
// Faults: as Elements.
func Decode(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return jsonFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return jsonFault(errors.New("there is more after the end"))
	}
	return nil
}
