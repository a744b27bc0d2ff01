# make demo   build, make a month of weather, take its mean and an anomaly, store and draw them
# make test   everything that CI checks
# make check  format, clippy, docs: the quick half of make test
# make dashboard-test  the dashboard and reports in a real browser (installs Chromium)
# make fuzz   gives every parser inputs made up for it, SECONDS=60 each (needs a nightly compiler and cargo-fuzz)
# make static  the brickwork command with HDF5 linked in: it runs where no HDF5 is, and starts sooner (needs CMake 3.26)
# make bench  writes docs/performance.md, and times kernels and planning

CARGO ?= cargo
BRICKWORK = $(CARGO_TARGET)/release/brickwork
CARGO_TARGET = $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
DEMO ?= demo
LIBRARIES = brickwork-core brickwork-ops brickwork-sched brickwork-io brickwork-draw brickwork-observe

.PHONY: alone bench binary check clippy dashboard-test demo docs downstream examples format formats fuzz numpy packages static test tests

demo: packages binary
	scripts/demo.sh $(abspath $(BRICKWORK)) $(DEMO)

test: check tests alone examples downstream numpy formats

check: packages format clippy docs

packages:
	scripts/install-packages.sh --with-python

format:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy -p brickwork --no-default-features --lib -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

# The whole suite with all features; what features change, with the default ones and with none.
tests:
	$(CARGO) test --workspace --all-features
	$(CARGO) test -p brickwork-io
	$(CARGO) test -p brickwork-io --no-default-features
	$(CARGO) test -p brickwork --no-default-features --lib --test demand --test errors

# Every library builds without the others, and without its features.
alone:
	for crate in $(LIBRARIES); do \
		$(CARGO) check -p $$crate && $(CARGO) check -p $$crate --no-default-features || exit 1; \
	done
	$(CARGO) check -p brickwork-observe --no-default-features --features dashboard,tracing
	for features in hdf5 zarr npy hdf5-write npy,zarr pcodec zfp cloud cloud,npy; do \
		$(CARGO) clippy -p brickwork-io --no-default-features --features $$features -- -D warnings || exit 1; \
	done

# Every example runs, on data of its own.
examples:
	$(CARGO) build --workspace --all-features --examples
	for example in examples/*.rs; do \
		echo "== $$(basename $$example .rs)"; \
		$(CARGO_TARGET)/debug/examples/$$(basename $$example .rs) || exit 1; \
	done

# A user's crate, with an operation, a source and a sink of its own.
downstream:
	cd tests/downstream && CARGO_TARGET_DIR=$(abspath $(CARGO_TARGET)) $(CARGO) test

# The command line against NumPy: values, and memory against the budget.
numpy: binary
	tests/numpy/run.sh $(abspath $(BRICKWORK))
	tests/numpy/memory.py $(abspath $(BRICKWORK))

# Files that h5py, netCDF4, zarr-python and xarray write, and what they make of ours.
formats: binary
	tests/formats/run.sh $(abspath $(BRICKWORK))

# The dashboard and the report in a headless Chromium; what it saw goes to PICTURES, if that names a folder.
dashboard-test: packages binary
	scripts/install-packages.sh --with-chromium
	$(CARGO) build --release --all-features --example dashboard
	tests/dashboard/browser.py $(abspath $(BRICKWORK)) $(abspath $(dir $(BRICKWORK))examples/dashboard) $(PICTURES)

# The workloads beside other systems (PEERS=folder of their runner, BENCH_DATA=its data), then kernels and planning.
BENCH_DATA ?= bench-data
bench: packages
	$(CARGO) build --release -p brickwork-benches
	mkdir -p $(BENCH_DATA)
	if [ -n "$$PEERS" ] && [ ! -e $(BENCH_DATA)/random.hdf5 ]; then \
		"$$PEERS"/venv/bin/python "$$PEERS"/data.py $(BENCH_DATA); fi
	benches/compare.py $(CARGO_TARGET)/release/workload $(BENCH_DATA) -o docs/performance.md
	$(CARGO) bench -p brickwork-benches

# Every parser of ours, from the files of the tests on. What they find lands in fuzz/artifacts; a case that was put right
# belongs to crates/io/tests/hostile. Needs a nightly compiler (rustup toolchain install nightly), cargo-fuzz (cargo install
# cargo-fuzz) and a C++ compiler; builds some 3 GB in fuzz/target, with the sanitizer, in about ten minutes. Open files are
# kept from input to input, which a search for leaks would look into after each: without it they are read 50 times faster.
SECONDS ?= 60
FUZZ = $(CARGO) +nightly fuzz
FUZZ_TARGETS ?= hdf5 npy zip zarr_metadata zarr_chunk references journal expression
fuzz:
	fuzz/seed.sh
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ) run $$target -- -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=2048 -detect_leaks=0 || exit 1; \
	done

binary:
	$(CARGO) build --release -p brickwork-cli

# The features are those of the crate `hdf5`, a dependency of brickwork-io, which is therefore named as well.
static: packages
	cmake=$$(scripts/cmake.sh $(abspath $(CARGO_TARGET)/cmake-venv)) && CMAKE=$$cmake \
		$(CARGO) build --release -p brickwork-cli -p brickwork-io --features hdf5/static,hdf5/zlib
