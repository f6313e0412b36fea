# The two commands of the README are demo and test; the others are parts of them.
SHELL := /bin/bash
GO ?= go

.PHONY: build demo test race check fuzz nightly bench soak tools test-tools clean

build:
	$(GO) build -o exporter ./cmd/exporter

# demo leaves demo/ with a snapshot and the reports made from it.
demo: tools build
	rm -rf demo
	./exporter demo --out demo

test: test-tools
	$(GO) test -timeout 20m $(TESTFLAGS) ./...

# race looks for races where goroutines of ours meet: the client, the walks, the
# sandbox, schedules, mails, reports side by side.
race: test-tools
	$(GO) test -race -vet=off -skip '^TestLarge' ./internal/cloud ./internal/deliver ./internal/journal ./internal/sandbox ./internal/schedule
	$(GO) test -race -vet=off ./internal/collect -run '^(TestInterruption|TestRecoverableFaultsTogether|TestUnrecoverableFaults|TestInterruptedTieOuts)$$'
	$(GO) test -race -vet=off ./cmd/exporter -run '^(TestScripts|TestMonthOfServe)$$/^(partial|report_exceptions|1|2)$$'

# check is what reads the code without running it.
check:
	@test -z "$$(gofmt -l cmd internal queries)" || { gofmt -l cmd internal queries; echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	$(GO) fix -diff ./...
	$(GO) mod tidy -diff
	$(GO) tool -modfile=tools.mod staticcheck ./...

# fuzz runs every fuzz target for FUZZTIME: see scripts/fuzz.
FUZZTIME ?= 10s
fuzz:
	GO=$(GO) FUZZTIME=$(FUZZTIME) scripts/fuzz

# nightly tries far more of what the tests take a sample of: kills at system calls
# that change a file, every pair of faults, every answer to be interrupted at, 200
# months of serve. SEED chooses the chains of kills, and the months.
SEED ?= 1
nightly: test-tools
	$(GO) test ./cmd/exporter ./internal/collect -run '^(TestKill|TestOutboxKill|TestSlotKill|TestPublishKill|TestBundleKill|TestEvidenceKill|TestPairsOfFaults|TestInterruption|TestMonthOfServe)$$' -v -nightly -seed $(SEED) -timeout 3h

# bench measures speed and memory, and prints a table of the figures with their
# aims. It wants two cores for itself, and 12 GB of disk. BENCH=Figures/walk is a part
# of it, and BENCH=Sizes, which SIZES=10000,100000 makes small.
BENCH ?= .
bench: tools
	$(GO) test -p 1 ./internal/collect ./internal/reports -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 2h

# soak runs serve for SOAK with a collection every minute, and fails where its memory,
# its open files or its goroutines grow from the second third of the time to the last.
SOAK ?= 1h
soak: tools
	$(GO) test ./cmd/exporter -run '^$$' -bench '^BenchmarkSoak$$' -benchtime 1x -soak $(SOAK) -timeout 0

# tools installs what the demo uses besides Go, test-tools what the tests use as
# well: see scripts/tools.
tools:
	scripts/tools
test-tools:
	scripts/tools tests

clean:
	rm -rf exporter demo
