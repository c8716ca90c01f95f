package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/bmatcuk/doublestar/v4"
)

// s3Options is how a bucket is reached; what is not given comes from the
// environment, as with every AWS program.
type s3Options struct {
	Endpoint  string `yaml:"endpoint"` // of a server other than Amazon's
	Region    string `yaml:"region"`
	PathStyle bool   `yaml:"path_style"`
	AccessKey string `yaml:"access_key"` // reference
	SecretKey string `yaml:"secret_key"` // reference
	Anonymous bool   `yaml:"anonymous"`
}

// remote is the S3 client of a connection; it is made when it is first needed,
// since looking for credentials may take calls.
type remote struct {
	options s3Options
	env     tables.Env
	once    sync.Mutex
	client  *s3.Client
}

// attempts is how often a download is taken up again where it broke off; the
// client's own retries cover only the request's beginning.
const attempts = 4

func (r *remote) connect(ctx context.Context) (*s3.Client, error) {
	r.once.Lock()
	defer r.once.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	o := r.options
	var load []func(*awsconfig.LoadOptions) error
	if o.Region != "" {
		load = append(load, awsconfig.WithRegion(o.Region))
	}
	switch {
	case o.Anonymous:
		load = append(load, awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}))
	case o.AccessKey != "":
		access, err := r.env.Secret(ctx, o.AccessKey)
		if err != nil {
			return nil, err
		}
		secret, err := r.env.Secret(ctx, o.SecretKey)
		if err != nil {
			return nil, err
		}
		load = append(load, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(access, secret, "")))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "connection %s: the AWS configuration cannot be read", r.env.Name)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // what servers other than Amazon's expect
	}
	r.client = s3.NewFromConfig(cfg, func(so *s3.Options) {
		if r.env.HTTP != nil {
			// Not while loading: with AWS_CA_BUNDLE set, the SDK wants a client
			// that it can change.
			so.HTTPClient = r.env.HTTP
		}
		so.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
			// Servers other than Amazon's may not know checksum trailers.
			so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		so.DisableLogOutputChecksumValidationSkipped = true
	})
	return r.client, nil
}

// bucket is files in S3.
type bucket struct {
	*remote
	store   *store
	owner   string // the data set: what the store's names begin with
	name    string
	pattern string // of keys
	whole   bool   // the pattern is a key, or a prefix that ends before a slash
	any     bool   // files of any suffix
}

// newBucket takes s3://bucket/key, where key is an object, a folder, or a
// pattern as on disk.
func newBucket(wanted, owner string, r *remote, s *store) (*bucket, error) {
	name, key, _ := strings.Cut(strings.TrimPrefix(wanted, "s3://"), "/")
	if name == "" {
		return nil, errors.New("an S3 path is s3://bucket/key")
	}
	b := &bucket{remote: r, store: s, owner: owner, name: name, pattern: key}
	if !strings.ContainsAny(key, "*?[{") {
		b.pattern, b.whole = strings.TrimSuffix(key, "/"), true
	}
	return b, nil
}

func (b *bucket) searched() string { return "s3://" + b.name + "/" + b.pattern }

// list reads all pages. Keys that end in a slash are consoles' folders.
func (b *bucket) list(ctx context.Context) ([]object, error) {
	client, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	prefix := b.pattern
	if i := strings.IndexAny(prefix, `*?[{\`); i >= 0 {
		prefix = prefix[:i]
	}
	var out []object
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
	for pages.HasMorePages() {
		tables.TraceOf(ctx).Call()
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fail(ctx, err, b.searched())
		}
		for _, item := range page.Contents {
			key := aws.ToString(item.Key)
			if !b.takes(key) {
				continue
			}
			out = append(out, object{
				name: "s3://" + b.name + "/" + key, key: key, size: aws.ToInt64(item.Size),
				time: aws.ToTime(item.LastModified), etag: aws.ToString(item.ETag), parts: partsOf(key),
			})
		}
	}
	slices.SortFunc(out, func(a, b object) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// takes says whether a key is data of the data set.
func (b *bucket) takes(key string) bool {
	if strings.HasSuffix(key, "/") {
		return false
	}
	if b.whole {
		if key == b.pattern {
			return true
		}
		rel, ok := strings.CutPrefix(key, b.pattern+"/")
		if b.pattern == "" {
			rel, ok = key, true
		}
		return ok && visible(rel) && (b.any || inFolder(rel))
	}
	base, _ := doublestar.SplitPattern(b.pattern)
	rel := strings.TrimPrefix(strings.TrimPrefix(key, base), "/")
	return doublestar.MatchUnvalidated(b.pattern, key) && visible(rel)
}

// local downloads the version once; it stays in the store.
func (b *bucket) local(ctx context.Context, o object) (string, func(), error) {
	suffix := ".raw"
	if formatOf(o.name) == formatParquet {
		suffix = ".parquet"
	}
	name := digest(b.owner, o.name, "raw") + "-" + digest(o.version()) + suffix
	return b.store.get(ctx, name, func(ctx context.Context, f *os.File) error { return b.download(ctx, o, f) })
}

// download reads the version that was listed, pinned by its ETag, and goes on
// where the connection broke.
func (b *bucket) download(ctx context.Context, o object, f *os.File) error {
	var done int64
	for try := 1; ; try++ {
		n, err := b.read(ctx, o, done, -1, io.NewOffsetWriter(f, done))
		done += n
		tables.TraceOf(ctx).Fetched(0, n)
		if err == nil && done == o.size {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d of %d bytes came", done, o.size)
		}
		var cut *cutShort
		if !errors.As(err, &cut) || try == attempts {
			return b.fail(ctx, err, o.name)
		}
		if err := b.env.Sleep(ctx, time.Duration(try*try)*200*time.Millisecond); err != nil {
			return err
		}
	}
}

// cutShort is a body that broke off: what came before it is good.
type cutShort struct{ error }

func (c *cutShort) Unwrap() error { return c.error }

// read copies bytes from..to (inclusive; -1 is the end) of the version.
func (b *bucket) read(ctx context.Context, o object, from, to int64, w io.Writer) (int64, error) {
	if o.size == 0 {
		return 0, nil
	}
	client, err := b.connect(ctx)
	if err != nil {
		return 0, err
	}
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &o.key, IfMatch: &o.etag}
	switch {
	case to >= 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, to))
	case from > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	}
	tables.TraceOf(ctx).Call()
	out, err := client.GetObject(ctx, in)
	if err != nil {
		return 0, err
	}
	defer out.Body.Close()
	if aws.ToString(out.ETag) != o.etag { // a server that does not know IfMatch
		return 0, errChanged
	}
	n, err := io.Copy(w, out.Body)
	if err != nil && ctx.Err() == nil {
		err = &cutShort{err}
	}
	return n, err
}

// peek reads parts of the version, each with a request of its own.
func (b *bucket) peek(ctx context.Context, o object) (readerAt, error) {
	return &peeker{bucket: b, ctx: ctx, object: o}, nil
}

type peeker struct {
	*bucket
	object
	ctx context.Context // of the statement that looks: a ReaderAt has no other place for it
}

// remoteError is a failure to read, which says nothing of the file.
type remoteError struct{ error }

func (e *remoteError) Unwrap() error { return e.error }

func (p *peeker) Close() error { return nil }

func (p *peeker) ReadAt(buf []byte, at int64) (int, error) {
	if at >= p.size {
		return 0, io.EOF
	}
	to := min(at+int64(len(buf)), p.size)
	w := &sliceWriter{buf: buf[:to-at]}
	n, err := p.read(p.ctx, p.object, at, to-1, w)
	tables.TraceOf(p.ctx).Fetched(0, n)
	if err != nil {
		return int(n), &remoteError{p.fail(p.ctx, err, p.object.name)}
	}
	if int(n) < len(buf) {
		return int(n), io.EOF
	}
	return int(n), nil
}

type sliceWriter struct {
	buf []byte
	n   int
}

func (w *sliceWriter) Write(p []byte) (int, error) {
	n := copy(w.buf[w.n:], p)
	if w.n += n; n < len(p) {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// fail turns what the client says into a fault; errChanged where the object
// was replaced or removed.
func (b *bucket) fail(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errChanged) || fault.As(err) != nil {
		return err
	}
	code, status := "", 0
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	switch {
	case code == "NoSuchBucket":
		return fault.New(fault.NotFound, "the bucket of %s does not exist", what).
			WithHint("check the bucket's name, and s3: {endpoint: …, region: …}")
	case code == "PreconditionFailed" || status == http.StatusPreconditionFailed, code == "NoSuchKey" || status == http.StatusNotFound:
		return errChanged
	case code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || code == "ExpiredToken" || status == http.StatusUnauthorized:
		return fault.New(fault.Auth, "S3 refuses the credentials for %s: %s", what, code).
			WithHint("check s3: {access_key: …, secret_key: …}, or the AWS credentials of the machine")
	case code == "AccessDenied" || status == http.StatusForbidden:
		return fault.New(fault.Denied, "S3 denies access to %s", what).
			WithHint("the credentials need s3:ListBucket on the bucket and s3:GetObject on its objects")
	case code == "SlowDown" || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return fault.Wrap(fault.Throttled, err, "S3 asks to slow down at %s", what)
	case code == "PermanentRedirect" || status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed":
		return fault.New(fault.Config, "the bucket of %s is in another region", what).WithHint("set s3: {region: …} to the bucket's")
	}
	return fault.Wrap(fault.Unavailable, err, "S3 does not answer for %s", what)
}
