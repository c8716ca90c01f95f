package main

import (
	"context"

	"argo/cache/s3"
	"argo/configs"
)

// openBucket makes the client of the cache's bucket; no request is sent.
func openBucket(ctx context.Context, k *configs.S3, c clock) (*s3.Bucket, error) {
	keys := [2]string{}
	for i, ref := range []string{k.AccessKey, k.SecretKey} {
		if ref == "" {
			continue
		}
		var err error
		if keys[i], err = configs.Secret(ctx, ref); err != nil {
			return nil, err
		}
	}
	return s3.Open(ctx, s3.Options{
		Bucket: k.Bucket, Prefix: k.Prefix, Endpoint: k.Endpoint, Region: k.Region, PathStyle: k.PathStyle,
		AccessKey: keys[0], SecretKey: keys[1], SSE: k.SSE, KMSKeyID: k.KMSKeyID, Now: c.Now, Sleep: c.Sleep,
	})
}

// checkBucket says whether the cache can live in the bucket.
func checkBucket(ctx context.Context, k *configs.S3) (string, error) {
	b, err := openBucket(ctx, k, realClock())
	if err != nil {
		return "", err
	}
	return b.Check(ctx)
}
