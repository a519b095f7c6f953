# Everything is built in the release profile and for the whole workspace or its root package:
# features are then the same every time, and RocksDB is compiled once. `cargo … -p` with only
# heartline-storage or heartline-actors would choose other features and compile it again.

CARGO ?= cargo
# A shell opened before Rust was installed does not know its folder.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup ui run build test unit simulate conformance conformance-durable fuzz bench lint fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what building needs and this machine lacks
	@.ci/setup

ui: ## Build the dashboard, where Node is there
	@web/ui/build

run: setup ui ## Build, run the demonstration, and stay up as a server
	$(CARGO) run --release -- demo

build: setup ui ## Build the heartline binary
	$(CARGO) build --release

test: setup ui ## Run every test, those of the clients and of the dashboard included
	$(CARGO) test --release --workspace
	@HEARTLINE_BIN=$(abspath $(or $(CARGO_TARGET_DIR),target)/release/heartline) clients/test
	@HEARTLINE_BIN=$(abspath $(or $(CARGO_TARGET_DIR),target)/release/heartline) web/ui/run-tests

unit: setup ## Run the tests inside one crate: make unit CRATE=storage
	$(CARGO) test --release -p heartline -p heartline-$(CRATE) --lib

simulate: setup ## Run the simulator, with SEED=… to repeat a run
	$(if $(SEED),HEARTLINE_SIM_SEED=$(SEED)) $(CARGO) test --release --test simulator -- --nocapture

# PART=autobahn, agui or browser runs one of them.
conformance: build ## Run the suites that others wrote, and a browser, against the server
	@tests/conformance/run $(PART)
	@$(if $(PART),,tests/conformance/durable/run)

conformance-durable: build ## Of those, the published suite and client of Durable Streams
	@tests/conformance/durable/run

# Needs cargo-fuzz and a nightly compiler. What is fuzzed is safe Rust, which no sanitizer would find
# more in; so RocksDB is not instrumented, and a build of it elsewhere serves (ROCKSDB_LIB_DIR).
fuzz: setup ## Fuzz what strangers send, SECONDS=60 for each entry
	$(foreach entry,message query,$(CARGO) +nightly fuzz run -s none $(entry) -- -max_total_time=$(or $(SECONDS),60) &&) true

bench: setup ## Measure, and print the figures
	$(CARGO) build --release
	$(CARGO) run --release -p heartline-bench -- all

lint: setup ## Check formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

fmt: setup ## Format the code
	$(CARGO) fmt --all
