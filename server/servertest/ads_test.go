package servertest_test

import (
	"testing"

	"argo/server/servertest"
)

func TestHarmonisedModel(t *testing.T) {
	servertest.RunGolden(t, "testdata/ads.txtar", world(t))
}
