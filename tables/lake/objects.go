package lake

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"argo/tables/fault"

	"github.com/bmatcuk/doublestar/v4"
)

// object is one version of one file of a data set.
type object struct {
	name  string // absolute path, or s3://bucket/key
	key   string // in S3
	size  int64
	time  time.Time
	etag  string // in S3
	parts []part
}

// part is a folder key=value that the file lies in.
type part struct {
	key, value string
	null       bool
}

// version names the bytes: they are other bytes when it differs.
func (o object) version() string {
	if o.etag != "" {
		return o.etag + " " + strconv.FormatInt(o.size, 10)
	}
	return o.time.UTC().Format(time.RFC3339Nano) + " " + strconv.FormatInt(o.size, 10)
}

// errChanged says that a file is no longer the version that was listed. Who
// gets it lists again.
var errChanged = errors.New("the file has changed since it was listed")

// origin is where the files of a data set are.
type origin interface {
	// list gives the files there are now, sorted by name. None is no error.
	list(ctx context.Context) ([]object, error)
	// local gives a path at which the version can be read until release.
	local(ctx context.Context, o object) (path string, release func(), err error)
	// peek reads parts of the version.
	peek(ctx context.Context, o object) (readerAt, error)
	// searched says in words where list looked.
	searched() string
}

// readerAt reads parts of a file.
type readerAt interface {
	io.ReaderAt
	io.Closer
}

// visible says whether a path below the searched folder is data: names that
// begin with a dot or an underscore are not (_SUCCESS, .crc), but for an
// underscore in the name of a partition.
func visible(rel string) bool {
	for name := range strings.SplitSeq(rel, "/") {
		if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") && !strings.Contains(name, "=") {
			return false
		}
	}
	return true
}

// inFolder says whether a file of a folder given as a whole is data: by its
// suffix, or where it has none.
func inFolder(name string) bool {
	rest, _ := packed(name)
	return formatOf(name) != "" || path.Ext(rest) == ""
}

// partsOf finds the partitions in the folders of a path, as Hive writes them.
func partsOf(rel string) (out []part) {
	folders, _ := path.Split(rel)
	for name := range strings.SplitSeq(folders, "/") {
		key, value, ok := strings.Cut(name, "=")
		if !ok || key == "" {
			continue
		}
		p := part{key: unescape(key), value: unescape(value)}
		p.null = p.value == "" || p.value == "__HIVE_DEFAULT_PARTITION__"
		out = slices.DeleteFunc(out, func(q part) bool { return fold(q.key) == fold(p.key) })
		out = append(out, p)
	}
	return out
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// disk is files below a folder.
type disk struct {
	root     string // absolute folder, without wildcards
	pattern  string // below root, with slashes; "" for root itself being the file
	whole    bool   // the configuration names a folder
	any      bool   // files of any suffix
	partsAt  string // partitions are looked for in the path below this folder
	wanted   string // as configured, for messages
	absolute string
}

// newDisk takes a path of the configuration: a file, a folder (all data in it
// and below), or a pattern with *, ?, [a-z], {a,b} and **. Relative paths are
// relative to base.
func newDisk(wanted, base string) (*disk, error) {
	p := wanted
	if !filepath.IsAbs(p) {
		p = filepath.Join(base, p)
	}
	p, err := filepath.Abs(p)
	if err != nil {
		return nil, err
	}
	d := &disk{wanted: wanted, absolute: p, root: p, partsAt: "/"}
	if !filepath.IsAbs(wanted) {
		if d.partsAt, err = filepath.Abs(base); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(p); err == nil || !strings.ContainsAny(p, "*?[{") {
		d.whole = true // a folder or a file, by what is there when it is listed
		return d, nil
	}
	root, pattern := doublestar.SplitPattern(filepath.ToSlash(p))
	d.root, d.pattern = filepath.FromSlash(root), pattern
	return d, nil
}

func (d *disk) searched() string { return d.absolute }

// folder is what the engine must be allowed to read.
func (d *disk) folder() string {
	if info, err := os.Stat(d.root); err == nil && !info.IsDir() || err != nil && path.Ext(d.root) != "" {
		return filepath.Dir(d.root)
	}
	return d.root
}

func (d *disk) list(ctx context.Context) ([]object, error) {
	info, err := os.Stat(d.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.fail(err)
	}
	if !info.IsDir() {
		if d.pattern != "" {
			return nil, nil
		}
		return []object{d.object(d.root, info)}, nil
	}
	pattern := d.pattern
	if pattern == "" {
		pattern = "**"
	}
	var out []object
	err = doublestar.GlobWalk(os.DirFS(d.root), pattern, func(rel string, e fs.DirEntry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !visible(rel) || d.whole && !d.any && !inFolder(rel) {
			return nil
		}
		full := filepath.Join(d.root, filepath.FromSlash(rel))
		info, err := os.Stat(full)
		switch {
		case errors.Is(err, fs.ErrNotExist) && e.Type()&fs.ModeSymlink == 0:
			return nil // it went meanwhile
		case err != nil:
			return err
		case info.Mode().IsRegular():
			out = append(out, d.object(full, info))
		}
		return nil
	}, doublestar.WithFailOnIOErrors())
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, d.fail(err)
	}
	slices.SortFunc(out, func(a, b object) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func (d *disk) object(full string, info fs.FileInfo) object {
	rel, err := filepath.Rel(d.partsAt, full)
	if err != nil {
		rel = full
	}
	return object{name: full, size: info.Size(), time: info.ModTime(), parts: partsOf(filepath.ToSlash(rel))}
}

func (d *disk) fail(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Config, "the lake cannot read %s: %v", d.absolute, err).
			WithHint("the user that runs argo needs the right to read it")
	}
	return fault.Wrap(fault.Unavailable, err, "the lake cannot read %s", d.absolute)
}

// local is the file itself. That it stays the same while it is read is for
// its writer to see to: replace files by renaming.
func (d *disk) local(_ context.Context, o object) (string, func(), error) {
	return o.name, func() {}, d.same(o)
}

// same checks that the file is the one that was listed.
func (d *disk) same(o object) error {
	info, err := os.Stat(o.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errChanged
	case err != nil:
		return d.fail(err)
	case info.Size() != o.size || !info.ModTime().Equal(o.time):
		return errChanged
	}
	return nil
}

func (d *disk) peek(_ context.Context, o object) (readerAt, error) {
	f, err := os.Open(o.name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errChanged
		}
		return nil, d.fail(err)
	}
	return f, nil
}
