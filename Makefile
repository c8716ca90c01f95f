# Argo needs Go, make and a C/C++ compiler; nothing else.
#   make demo   a simulated agency on 127.0.0.1, ready for any MySQL client
#   make test   the test suite, race detector on what is concurrent
#   make build  leaves bin/argo

GO     ?= go
# gms_pure_go: the MySQL front uses Go's regular expressions, not the system's ICU.
TAGS   := gms_pure_go
LDFLAGS := -s -w -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Packages in which goroutines share state: tested again under the race detector.
RACE := ./cache/... ./automation/... ./tables/rest/... ./tables/market/... ./tables/lake/... ./server/state/... ./server/columnar/...

.PHONY: help build demo test bench race vet fmt fuzz clean

build:
	CGO_ENABLED=1 $(GO) build -tags $(TAGS) -trimpath -ldflags '$(LDFLAGS)' -o bin/argo ./cmd/argo

demo: build
	bin/argo demo $(ARGS)

test: build
	$(GO) test -tags $(TAGS) ./...
	$(GO) test -tags $(TAGS) -race -short $(RACE)

# What the cache promises, shown in simulated time: every program of argo bench.
BENCH := freshness cover quota price restart faults
bench: build
	@set -e; for p in $(BENCH); do bin/argo bench $$p $(ARGS); done

vet:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these files'; exit 1; }
	$(GO) vet -tags $(TAGS) ./...

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 30s
fuzz:
	@set -e; for p in $$($(GO) list -tags $(TAGS) ./...); do \
	  for f in $$($(GO) test -tags $(TAGS) -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; done; done

help:
	@sed -n '1,4s/^# //p' Makefile
	@echo '  make bench  the programs that show what the cache promises'
	@echo '  make vet    format check and go vet'
	@echo '  make fuzz   every fuzz target for FUZZTIME (30s) each'

clean:
	rm -rf bin
