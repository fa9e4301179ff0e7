# warpwright's front door. `make help` lists the targets; each installs what is missing, builds, and does its job.
.DEFAULT_GOAL := build
.PHONY: help deps toolkit build test bench asan fuzz oracle-check llm-check llm-bench evolve gpu-check gpu-check-folder format clean
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
# What `make evolve` searches: DEFINITION=gdn_prefill (a file below configs/, or a definition's name), or TRACK=C.
DEFINITION ?= gdn_decode
TRACK ?=
RUN_DIR ?= runs/$(if $(TRACK),track-$(TRACK),$(DEFINITION))-$(shell date +%Y%m%d-%H%M%S)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

deps: ## install the Debian packages that are missing (sudo only if not root)
	@tools/install-deps.sh

toolkit: deps ## find the CUDA toolkit, or fetch NVRTC and the CUDA headers from PyPI into .cuda/
	@tools/ensure-cuda.sh

build: deps toolkit ## build build/warpwright and build/warpwright-worker
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset release --parallel $(JOBS) --target warpwright warpwright-worker

test: deps toolkit ## build everything and run every test
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset release --parallel $(JOBS)
	@ctest --preset release --parallel $(JOBS)

bench: build ## time the simulator and the search engine (benchmarks/simulator/README.md, benchmarks/search/README.md)
	@cmake --build --preset release --parallel $(JOBS) --target sim_bench search_bench
	@build/sim_bench
	@build/search_bench

asan: deps toolkit ## the tests again under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --workflow --preset asan

fuzz: deps ## mutated PTX, event streams, replies and edits for FUZZ_SECONDS (60) each, under the sanitizers
	@tools/install-deps.sh fuzz
	@cmake --preset asan >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset asan --parallel $(JOBS) --target ptx_fuzz
	@build-asan/ptx_fuzz --seconds $(FUZZ_SECONDS) evaluator/ptx/testdata evaluator/sim/testdata
	@cmake --preset fuzz >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset fuzz --parallel $(JOBS)
	@for name in sse reply edits; do tests/fuzz_text/run.sh $$name $(FUZZ_SECONDS) || exit 1; done

oracle-check: deps toolkit ## the oracles against NumPy transcriptions, roundings against ml_dtypes (both from PyPI, in build/oracle-venv)
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset release --parallel $(JOBS) --target run_oracle
	@python3 -m venv build/oracle-venv && build/oracle-venv/bin/pip install --quiet numpy ml_dtypes
	@ctest --test-dir build --tests-regex '^python_' --verbose

llm-check: deps ## the model client against mock endpoints that others wrote (from PyPI, in build/llm-venv)
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset release --parallel $(JOBS) --target llm_probe
	@tools/llm-mocks.sh build

llm-bench: deps ## 500 streamed calls on one thread beside two busy processes
	@cmake --preset release >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
	@cmake --build --preset release --parallel $(JOBS) --target llm_bench llm_server
	@build/llm_bench

evolve: build ## evolve kernels on this machine: DEFINITION=gdn_decode (see configs/), or TRACK=A, B, C
	@build/warpwright evolve $(if $(TRACK),--track $(TRACK),--definition $(DEFINITION)) --run-dir $(RUN_DIR)

gpu-check: build ## on a machine with a GPU: tests, red team, rates, seeds, duels, simulator against hardware, in gpu-check/
	@cmake --build --preset release --parallel $(JOBS) --target cuda_test cuda_engine_test
	@build/warpwright gpu-check --out gpu-check

gpu-check-folder: build ## build/gpu-check/: the same to carry to a bare machine with a driver (./run.sh there)
	@cmake --build --preset release --parallel $(JOBS) --target cuda_test cuda_engine_test
	@tools/gpu-check-folder.sh

format: ## clang-format every source file
	@git ls-files '*.h' '*.cpp' | xargs clang-format -i

clean: ## remove what was built (runs/ stays)
	@rm -rf build build-dev build-asan build-fuzz build-configure.log
