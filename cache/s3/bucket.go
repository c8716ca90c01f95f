// Package s3 keeps the cache in one bucket and prefix of an S3 server, shared
// by every node that is given the same: the segments' files (Store, with the
// machine's disk before it) and what is known of them (Index, one manifest per
// table and account, changed by conditional writes alone). It needs no lock
// service and no database: who reads the bucket knows everything.
//
//	PREFIX/segments/<place>.parquet                                 a segment
//	PREFIX/index/source=S/table=T/account=A.json.gz                 manifest
//	PREFIX/history/source=S/table=T/account=A/<ulid>.json.gz        retired segments, moved out of the manifest
//	PREFIX/accounts/source=S.json.gz · PREFIX/costs/source=S/table=T.json.gz
//
// It knows no channel, no engine, and of Parquet only that somebody writes it.
package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"argo/tables/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/oklog/ulid/v2"
)

// Options of a Bucket.
type Options struct {
	Bucket    string
	Prefix    string // of every key; "" is the whole bucket
	Endpoint  string // of a server other than Amazon's
	Region    string // default: the environment's, then us-east-1
	PathStyle bool
	// AccessKey and SecretKey; both "": what the environment has, as with every
	// AWS program.
	AccessKey, SecretKey string
	// SSE encrypts objects at rest: "" (as the bucket says), "AES256" or
	// "aws:kms", with KMSKeyID or the account's own key.
	SSE, KMSKeyID string

	HTTP  *http.Client                                     // nil: the SDK's
	Now   func() time.Time                                 // default time.Now
	Sleep func(ctx context.Context, d time.Duration) error // default real time
}

// Bucket is one bucket and prefix. Safe for concurrent use. Every request is
// repeated where the server is busy or the connection breaks.
type Bucket struct {
	o      Options
	client *s3.Client
	part   int64        // size of a part, and above which an upload has parts
	ahead  atomic.Int64 // the server's clock less ours, to the second
}

// Open makes the client; no request is sent. Faults: Config.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	if o.Bucket == "" {
		return nil, fault.New(fault.Config, "cache.s3: bucket is missing")
	}
	if o.Prefix = strings.Trim(o.Prefix, "/"); o.Prefix != "" {
		o.Prefix += "/"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	var load []func(*awsconfig.LoadOptions) error
	if o.Region != "" {
		load = append(load, awsconfig.WithRegion(o.Region))
	}
	if o.AccessKey != "" {
		load = append(load, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "cache.s3: the AWS configuration cannot be read")
	}
	cfg.Region = cmp.Or(cfg.Region, "us-east-1")
	b := &Bucket{o: o, part: 32 << 20}
	b.client = s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.HTTP != nil {
			so.HTTPClient = o.HTTP
		}
		if so.HTTPClient == nil {
			so.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })
		}
		so.HTTPClient = &dated{so.HTTPClient, b}
		so.UsePathStyle = o.PathStyle
		so.Retryer = aws.NopRetryer{} // try repeats, on our own clock
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
		// Bodies carry checksums of our own, which servers other than Amazon's
		// know too.
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		so.DisableLogOutputChecksumValidationSkipped = true
	})
	return b, nil
}

// dated reads the server's clock off its replies.
type dated struct {
	s3.HTTPClient
	b *Bucket
}

func (d *dated) Do(r *http.Request) (*http.Response, error) {
	reply, err := d.HTTPClient.Do(r)
	if err == nil {
		if date, err := http.ParseTime(reply.Header.Get("Date")); err == nil {
			d.b.ahead.Store(int64(date.Sub(d.b.o.Now())))
		}
	}
	return reply, err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Where names the bucket and prefix for messages.
func (b *Bucket) Where() string { return "s3://" + b.o.Bucket + "/" + b.o.Prefix }

// errLost: a conditional write came too late; read again, decide again.
var errLost = errors.New("the object has changed")

const (
	attempts = 7                // of one request
	quick    = 20 * time.Second // for one attempt that moves little
	bulk     = 10 * time.Minute // for one that moves a file
)

// try sends a request until it is answered. A server that is busy or broken is
// asked again after a growing pause with jitter, so that nodes which failed
// together do not come back together. What cannot be repaired by waiting is a
// fault, but for fs.ErrNotExist, errLost and errSame.
func (b *Bucket) try(ctx context.Context, key string, limit time.Duration, request func(ctx context.Context) error) error {
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		attempt, cancel := context.WithTimeout(ctx, limit)
		err := request(attempt)
		cancel()
		if err == nil {
			return nil
		}
		err, again := b.judge(ctx, key, err)
		if !again || n == attempts {
			return err
		}
		if err := b.o.Sleep(ctx, jitter(n)); err != nil {
			return err
		}
	}
}

// jitter is the pause after the nth failure: up to 50 ms, 100 ms … 5 s, at
// least half of it.
func jitter(n int) time.Duration {
	most := min(50*time.Millisecond<<min(n-1, 10), 5*time.Second)
	return most/2 + rand.N(most/2)
}

// errSame: a conditional read found what is known already.
var errSame = errors.New("not modified")

// judge says what an error means and whether the request may be sent again.
func (b *Bucket) judge(ctx context.Context, key string, err error) (_ error, again bool) {
	if ctx.Err() != nil {
		return context.Cause(ctx), false
	}
	var disk *fs.PathError // of this machine
	if fault.As(err) != nil || errors.Is(err, fs.ErrNotExist) || errors.As(err, &disk) {
		return err, false
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
	what := b.Where()
	switch {
	case status == http.StatusNotModified || errors.Is(err, errSame):
		return errSame, false
	case code == "NoSuchBucket":
		return fault.New(fault.Config, "the bucket of %s does not exist", what).
			WithHint("make it, or correct cache.s3: {bucket: …, endpoint: …, region: …}"), false
	case status == http.StatusNotFound || code == "NoSuchKey":
		return fmt.Errorf("%s%s: %w", what, key, fs.ErrNotExist), false
	case status == http.StatusPreconditionFailed || code == "ConditionalRequestConflict":
		return errLost, false
	case status == http.StatusConflict: // OperationAborted and the like
		return fault.Wrap(fault.Unavailable, err, "S3 is busy with the same object at %s", what), true
	case code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || code == "ExpiredToken" || status == http.StatusUnauthorized:
		return fault.New(fault.Auth, "S3 refuses the credentials for %s: %s", what, code).
			WithHint("check cache.s3: {access_key: …, secret_key: …}, or the AWS credentials of the machine"), false
	case status == http.StatusForbidden:
		return fault.New(fault.Denied, "S3 denies access to %s", what).
			WithHint("the credentials need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject on its objects; with aws:kms also kms:GenerateDataKey and kms:Decrypt"), false
	case code == "PermanentRedirect" || status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed":
		return fault.New(fault.Config, "the bucket of %s is in another region", what).WithHint("set cache.s3: {region: …} to the bucket's"), false
	case status == http.StatusNotImplemented:
		return fault.Wrap(fault.Config, err, "the S3 server of %s cannot do what is asked", what), false
	case code == "SlowDown" || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return fault.Wrap(fault.Unavailable, err, "S3 asks to slow down at %s", what), true
	case status >= 400 && status < 500 && code != "RequestTimeout":
		return fault.Wrap(fault.Config, err, "S3 refuses a request at %s", what), false
	}
	return fault.Wrap(fault.Unavailable, err, "S3 does not answer for %s", what), true
}

// object is what a read gives.
type object struct {
	body []byte
	etag string
}

// get reads a small object whole; where etag is given and still the one that
// the object has, errSame. A missing one is fs.ErrNotExist.
func (b *Bucket) get(ctx context.Context, key, etag string) (o object, err error) {
	in := &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.o.Prefix + key)}
	if etag != "" {
		in.IfNoneMatch = &etag
	}
	err = b.try(ctx, key, quick, func(ctx context.Context) error {
		out, err := b.client.GetObject(ctx, in)
		if err != nil {
			return err
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		if err != nil {
			return err
		}
		if n := out.ContentLength; n != nil && *n != int64(len(body)) {
			return fmt.Errorf("%d of %d bytes came", len(body), *n)
		}
		o = object{body: body, etag: aws.ToString(out.ETag)}
		if etag != "" && o.etag == etag { // a server that does not know If-None-Match on reads
			return errSame
		}
		return nil
	})
	return o, err
}

// anyETag as a condition of put: whatever is there is written over.
const anyETag = "*"

// put writes a small object: over the version etag, or where etag is "" only
// if there is none. errLost where another version is there; it may be our own,
// since a reply can be lost after the write was done.
func (b *Bucket) put(ctx context.Context, key string, body []byte, etag string) (newETag string, err error) {
	err = b.try(ctx, key, quick, func(ctx context.Context) error {
		in := &s3.PutObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.o.Prefix + key), Body: bytes.NewReader(body),
			ContentLength: aws.Int64(int64(len(body))), ChecksumSHA256: aws.String(digest(body))}
		in.ServerSideEncryption, in.SSEKMSKeyId = b.encryption()
		switch etag {
		case "":
			in.IfNoneMatch = aws.String("*")
		case anyETag:
		default:
			in.IfMatch = &etag
		}
		out, err := b.client.PutObject(ctx, in)
		if err != nil {
			return err
		}
		newETag = aws.ToString(out.ETag)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) { // of If-Match: the object has been removed
		err = errLost
	}
	return newETag, err
}

func (b *Bucket) encryption() (types.ServerSideEncryption, *string) {
	if b.o.KMSKeyID == "" {
		return types.ServerSideEncryption(b.o.SSE), nil
	}
	return types.ServerSideEncryption(b.o.SSE), &b.o.KMSKeyID
}

// remove deletes an object; one that is not there is no error.
func (b *Bucket) remove(ctx context.Context, key string) error {
	err := b.try(ctx, key, quick, func(ctx context.Context) error {
		_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.o.Prefix + key)})
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// listed is an object in a listing.
type listed struct {
	key, etag string // the key without the bucket's prefix
	size      int64
}

// list gives every object whose key begins with prefix, in the order of keys.
func (b *Bucket) list(ctx context.Context, prefix string) (out []listed, err error) {
	in := &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: aws.String(b.o.Prefix + prefix)}
	for {
		var page *s3.ListObjectsV2Output
		if err := b.try(ctx, prefix, quick, func(ctx context.Context) (err error) {
			page, err = b.client.ListObjectsV2(ctx, in)
			return err
		}); err != nil {
			return nil, err
		}
		for _, item := range page.Contents {
			out = append(out, listed{key: strings.TrimPrefix(aws.ToString(item.Key), b.o.Prefix), etag: aws.ToString(item.ETag), size: aws.ToInt64(item.Size)})
		}
		if !aws.ToBool(page.IsTruncated) {
			return out, nil
		}
		if in.ContinuationToken = page.NextContinuationToken; aws.ToString(in.ContinuationToken) == "" {
			return nil, fault.New(fault.Unavailable, "S3 ended a listing of %s%s in the middle", b.Where(), prefix)
		}
	}
}

// Check writes, reads, lists and removes an object, and sees to it that the
// server refuses what the index relies on being refused: a write where there
// is an object already, and one over another version. The line says what was
// reached. Faults: Config, Auth, Denied, Unavailable.
func (b *Bucket) Check(ctx context.Context) (line string, err error) {
	key := "check/" + ulid.Make().String()
	first, second := []byte("argo checks what the server keeps"), []byte("and what it refuses")
	etag, err := b.put(ctx, key, first, "")
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if gone := b.remove(ctx, key); err == nil {
			err = gone
		}
	}()
	read, err := b.get(ctx, key, "")
	if err != nil {
		return "", err
	}
	if !bytes.Equal(read.body, first) {
		return "", fault.New(fault.Unavailable, "S3 at %s gives back other bytes than were written", b.Where())
	}
	if read.etag != etag {
		return "", fault.New(fault.Config, "the S3 server of %s gives an object two ETags: %s when it is written, %s when it is read", b.Where(), etag, read.etag)
	}
	const unsafe = "two nodes would overwrite what the other one knows: use Amazon S3 or a server with conditional writes (versitygw, minio), or leave out cache.s3"
	if _, err := b.put(ctx, key, second, ""); err == nil {
		return "", fault.New(fault.Config, "the S3 server of %s ignores If-None-Match: it has written over an object that was to be new", b.Where()).WithHint(unsafe)
	} else if !errors.Is(err, errLost) {
		return "", err
	}
	next, err := b.put(ctx, key, second, etag)
	if err != nil {
		if errors.Is(err, errLost) {
			err = fault.New(fault.Config, "the S3 server of %s refuses to write over the version it has just given", b.Where()).WithHint(unsafe)
		}
		return "", err
	}
	if _, err := b.put(ctx, key, first, etag); err == nil {
		return "", fault.New(fault.Config, "the S3 server of %s ignores If-Match: it has written over another version than the one named", b.Where()).WithHint(unsafe)
	} else if !errors.Is(err, errLost) {
		return "", err
	}
	if _, err := b.get(ctx, key, next); !errors.Is(err, errSame) {
		if err == nil {
			err = fault.New(fault.Config, "the S3 server of %s loses what was written last", b.Where())
		}
		return "", err
	}
	found, err := b.list(ctx, key)
	if err != nil {
		return "", err
	}
	if len(found) != 1 || found[0].key != key {
		return "", fault.New(fault.Config, "the S3 server of %s does not list what it holds", b.Where()).WithHint(unsafe)
	}
	encrypted := ""
	if b.o.SSE != "" {
		encrypted = ", encrypted with " + b.o.SSE
	}
	return b.Where() + " is read and written, conditions are kept" + encrypted, nil
}
