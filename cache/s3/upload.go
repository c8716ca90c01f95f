package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"argo/tables/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// sumKey names the SHA-256 of a file in its object's metadata. It is there for
// objects in parts too, whose own checksum is one of checksums.
const sumKey = "argo-sha256"

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// upload puts a file under a key: it is there whole, as the server's checksum
// of it confirms, or not at all.
func (b *Bucket) upload(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	size, whole := info.Size(), sum.Sum(nil)
	metadata := map[string]string{sumKey: hex.EncodeToString(whole)}
	if size > b.part {
		return b.uploadParts(ctx, key, f, size, metadata)
	}
	return b.try(ctx, key, bulk, func(ctx context.Context) error {
		in := &s3.PutObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.o.Prefix + key), Metadata: metadata,
			Body: io.NewSectionReader(f, 0, size), ContentLength: &size,
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(whole))}
		in.ServerSideEncryption, in.SSEKMSKeyId = b.encryption()
		_, err := b.client.PutObject(ctx, in)
		return err
	})
}

// uploadParts sends four parts at a time. What a crash leaves of it is seen by
// nobody and costs space until the bucket's lifecycle rule removes it.
func (b *Bucket) uploadParts(ctx context.Context, key string, f io.ReaderAt, size int64, metadata map[string]string) (err error) {
	name := aws.String(b.o.Prefix + key)
	var id *string
	if err := b.try(ctx, key, quick, func(ctx context.Context) error {
		in := &s3.CreateMultipartUploadInput{Bucket: &b.o.Bucket, Key: name, Metadata: metadata, ChecksumAlgorithm: types.ChecksumAlgorithmSha256}
		in.ServerSideEncryption, in.SSEKMSKeyId = b.encryption()
		out, err := b.client.CreateMultipartUpload(ctx, in)
		if err == nil {
			id = out.UploadId
		}
		return err
	}); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.o.Bucket, Key: name, UploadId: id})
	}()
	part := max(b.part, size/9000+1) // S3 takes 10,000
	done := make([]types.CompletedPart, (size+part-1)/part)
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range done {
		group.Go(func() error {
			at := int64(i) * part
			n := min(part, size-at)
			sum := sha256.New()
			if _, err := io.Copy(sum, io.NewSectionReader(f, at, n)); err != nil {
				return err
			}
			checksum := aws.String(base64.StdEncoding.EncodeToString(sum.Sum(nil)))
			return b.try(ctx2, key, bulk, func(ctx context.Context) error {
				out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &b.o.Bucket, Key: name, UploadId: id, PartNumber: aws.Int32(int32(i + 1)),
					Body: io.NewSectionReader(f, at, n), ContentLength: &n, ChecksumSHA256: checksum})
				if err == nil {
					done[i] = types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(int32(i + 1)), ChecksumSHA256: checksum}
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	err = b.try(ctx, key, bulk, func(ctx context.Context) error {
		_, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b.o.Bucket, Key: name, UploadId: id,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		// The upload is known no more: the reply to an earlier try was lost.
		err = b.try(ctx, key, quick, func(ctx context.Context) error {
			out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.o.Bucket, Key: name})
			if err == nil && (aws.ToInt64(out.ContentLength) != size || out.Metadata[sumKey] != metadata[sumKey]) {
				err = fault.New(fault.Unavailable, "S3 at %s lost an upload in parts", b.Where())
			}
			return err
		})
	}
	return err
}

// errCorrupt: what came is not what was uploaded.
var errCorrupt = errors.New("the checksum differs")

// download copies an object into f, goes on where the connection broke, and
// compares size and checksum with what was uploaded. fs.ErrNotExist where
// there is none.
func (b *Bucket) download(ctx context.Context, key string, f *os.File) error {
	var done int64
	var etag string
	sum := sha256.New()
	return b.try(ctx, key, bulk, func(ctx context.Context) error {
		in := &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.o.Prefix + key)}
		if done > 0 {
			in.IfMatch, in.Range = &etag, aws.String(fmt.Sprintf("bytes=%d-", done))
		}
		restart := func(why error) error {
			done = 0
			sum.Reset()
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err
			}
			return errors.Join(why, f.Truncate(0))
		}
		out, err := b.client.GetObject(ctx, in)
		if err != nil {
			if lost, _ := b.judge(ctx, key, err); errors.Is(lost, errLost) {
				return restart(errors.New("the object was replaced while it was read"))
			}
			return err
		}
		defer out.Body.Close()
		if done > 0 && out.ContentRange == nil { // a server that knows no ranges
			if err := restart(nil); err != nil {
				return err
			}
		}
		etag = aws.ToString(out.ETag)
		size := done + aws.ToInt64(out.ContentLength)
		n, err := io.Copy(io.MultiWriter(f, sum), out.Body)
		done += n
		if err == nil && out.ContentLength != nil && done != size {
			err = fmt.Errorf("%d of %d bytes came", done, size)
		}
		if err != nil {
			return err
		}
		if want := out.Metadata[sumKey]; want != "" && want != text(sum) {
			return restart(errCorrupt)
		}
		return nil
	})
}

func text(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
