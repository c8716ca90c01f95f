package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"argo/tables"

	"github.com/bmatcuk/doublestar/v4"
)

// S3 is how a bucket is reached.
type S3 = s3Options

// Place is a file, a folder or a pattern, on disk or in S3, for sources of other
// files than those of a lake. Safe for concurrent use.
type Place struct{ origin origin }

// File is one version of one file.
type File struct {
	object
	// Remote files are there as a whole or not at all.
	Remote bool
}

// Name is the absolute path, or s3://bucket/key.
func (f File) Name() string { return f.name }

// Version names the bytes.
func (f File) Version() string { return f.version() }

// Time is when it was written.
func (f File) Time() time.Time { return f.time }

// ErrChanged says that a file is no longer the version that was listed: list again.
var ErrChanged = errChanged

// Places opens places of one connection, which share what they have downloaded.
func Places(env tables.Env, s S3) (func(path string) (*Place, error), error) {
	if (s.AccessKey == "") != (s.SecretKey == "") || s.Anonymous && s.AccessKey != "" {
		return nil, errors.New("s3: give access_key and secret_key, or neither; anonymous goes without")
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	r := &remote{options: s, env: env}
	var kept *store
	return func(path string) (*Place, error) {
		switch {
		case path == "":
			return nil, errors.New("is missing: a file, a folder, a pattern such as exports/*.xlsx, or s3://bucket/prefix/")
		case !doublestar.ValidatePattern(path):
			return nil, fmt.Errorf("%q is not a pattern: a bracket is not closed", path)
		case strings.HasPrefix(path, "s3://"):
			if kept == nil {
				if env.Dir == "" {
					return nil, errors.New("S3 needs a folder of the connection")
				}
				kept = &store{dir: env.Dir, limit: 20 << 30, now: env.Now}
				if err := kept.load(); err != nil {
					return nil, err
				}
			}
			b, err := newBucket(path, "place", r, kept)
			if err != nil {
				return nil, err
			}
			b.any = true
			return &Place{b}, nil
		}
		d, err := newDisk(path, env.Base)
		if err != nil {
			return nil, err
		}
		d.any = true
		return &Place{d}, nil
	}, nil
}

// Remote says that the place is in S3.
func (p *Place) Remote() bool { _, ok := p.origin.(*bucket); return ok }

// Searched says in words where List looks.
func (p *Place) Searched() string { return p.origin.searched() }

// List gives the files there are now, sorted by name. Names that begin with a dot
// or an underscore are left out.
func (p *Place) List(ctx context.Context) ([]File, error) {
	objects, err := p.origin.list(ctx)
	out := make([]File, len(objects))
	for i, o := range objects {
		out[i] = File{o, p.Remote()}
	}
	return out, err
}

// Read gives read a path at which the version can be read, and fails with
// ErrChanged where it was another one before or after.
func (p *Place) Read(ctx context.Context, f File, read func(path string) error) error {
	path, release, err := p.origin.local(ctx, f.object)
	if err != nil {
		return err
	}
	defer release()
	err = read(path)
	if d, ok := p.origin.(*disk); ok {
		if changed := d.same(f.object); changed != nil {
			return changed
		}
	}
	return err
}

// Text opens a text of an encoding by its usual name ("" is UTF-8) as UTF-8
// without byte order mark; gzip and zstd are undone.
func Text(path, name, encoding string) (io.ReadCloser, error) {
	e, err := charset(encoding)
	if err != nil {
		return nil, err
	}
	return openText(path, name, e)
}

// Encoding says what is wrong with the name of an encoding.
func Encoding(name string) error {
	_, err := charset(name)
	return err
}
