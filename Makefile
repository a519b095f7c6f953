# Everything is built in the release profile and for the whole workspace or its root package:
# features are then the same every time, and RocksDB is compiled once. `cargo … -p` with only
# heartline-storage or heartline-actors would choose other features and compile it again.

CARGO ?= cargo
# A shell opened before Rust was installed does not know its folder.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup run build test unit simulate conformance conformance-durable fuzz bench lint fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what building needs and this machine lacks
	@.ci/setup

run: setup ## Build, run the demonstration, and stay up as a server
	$(CARGO) run --release -- demo

build: setup ## Build the heartline binary
	$(CARGO) build --release

test: setup ## Run every test, those of the clients included
	$(CARGO) test --release --workspace
	@HEARTLINE_BIN=$(abspath $(or $(CARGO_TARGET_DIR),target)/release/heartline) clients/test

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

# Needs cargo-fuzz and a nightly compiler, and compiles RocksDB once more, for the sanitizer.
fuzz: setup ## Fuzz what strangers send, SECONDS=60 for each entry
	$(foreach entry,message query,$(CARGO) +nightly fuzz run $(entry) -- -max_total_time=$(or $(SECONDS),60) &&) true

bench: setup ## Measure, and print the figures
	$(CARGO) build --release
	$(CARGO) run --release -p heartline-bench -- all

lint: setup ## Check formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

fmt: setup ## Format the code
	$(CARGO) fmt --all
