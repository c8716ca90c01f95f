package cachetest_test

import (
	"testing"

	"argo/cache"
	"argo/cache/cachetest"
)

func TestJobsInMemory(t *testing.T) {
	cachetest.TestJobs(t, func(*testing.T) cache.Jobs { return cachetest.NewJobs() })
}
