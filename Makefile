# Everything a developer runs; `make help` lists it. The first run of a target sets up what it needs: a virtual
# environment in .venv, and, as root on Debian, missing system packages.

PYTHON ?= python3
BUILD := build
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
JOBS ?= $(shell nproc)
SERVE ?=
TESTS ?= tests
FUZZ_SECONDS ?= 600
SOAK ?= 10
COUNT ?= 1000
POWER_CUTS := $(if $(filter command line environment,$(origin COUNT)),$(COUNT),10000)
SEED ?=
BARE ?=

export CMAKE_BUILD_PARALLEL_LEVEL = $(JOBS)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

CMAKE := $(BIN)/cmake
# Most C tests wait for disks and clocks longer than they compute. Of a whole run of the Python tests each
# processor has a worker, which takes one file after the other: what a file shares is made once.
CTEST := $(BIN)/ctest --output-on-failure --parallel $(shell expr 2 '*' $(JOBS))
WORKERS := -n $(JOBS) --dist loadfile --no-loadscope-reorder
# As much address space as every machine lends: simulated runs must not depend on it (tests/sim/machine.c).
C_TESTS := -DDBX_TESTS=ON -DDBX_WERROR=ON -DDBX_ALLOC_FAULTS=ON -DDBX_MAP_MB=2048 -DCMAKE_BUILD_TYPE=RelWithDebInfo
# In these one thread runs at a time, whatever is forgotten: the thread sanitizer would see nothing.
SIMULATIONS := ^(powercut|faults)$$
GENERATOR := -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DPython_EXECUTABLE=$(CURDIR)/$(PY)

.PHONY: help serve build test test-c test-py check lint fmt docs asan tsan fuzz soak powercut faults broken crash \
        complexity clients bench bare cross wheel packages-build packages-test packages-cross clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- Setting up ---

packages-build:
	@tools/packages.sh gcc libc6-dev

packages-test: packages-build
	@tools/packages.sh redis-server redis-tools debootstrap nodejs:node npm:npm

packages-cross:
	@tools/packages.sh qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
	    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross redis-tools debootstrap

$(PY):
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || tools/packages.sh python3-venv
	@$(PYTHON) -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null \
	    || tools/packages.sh python3-dev
	$(PYTHON) -m venv $(VENV)

$(VENV)/.tools: pyproject.toml | packages-build $(PY)
	$(PY) -m pip install -q --upgrade 'pip>=25.1'
	$(PY) -m pip install -q cmake ninja 'scikit-build-core>=0.11' 'cython>=3.1,<4' 'poetry-core>=1'
	@touch $@

# Of an editable install every import would build what has changed; here `make build` does, once, so that
# the servers that tests start do not pay for it.
$(VENV)/.installed: $(VENV)/.tools
	$(PY) -m pip install -q --no-build-isolation --no-deps -Ceditable.rebuild=false \
	    -Cbuild-dir=$(BUILD)/venv -e .
	@touch $@

$(VENV)/.tests: $(VENV)/.tools
	$(PY) -m pip install -q --group test --group lint
	@touch $@

$(VENV)/.bench: $(VENV)/.tests
	$(PY) -m pip install -q --group bench
	@touch $@

build: $(VENV)/.installed ## bring the installation in .venv up to date
	@$(CMAKE) --build $(BUILD)/venv --target _core
	@$(CMAKE) --install $(BUILD)/venv --component python --strip \
	    --prefix "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" >/dev/null

# --- Running ---

serve: build ## build and serve; SERVE="--port 7000 ..." passes options
	$(BIN)/dbx serve $(SERVE)

# --- Testing ---

test: packages-test test-c test-py ## everything that must pass, set up from nothing

test-c: $(VENV)/.tools ## the C tests
	$(CMAKE) -S . -B $(BUILD)/c $(GENERATOR) $(C_TESTS)
	$(CMAKE) --build $(BUILD)/c
	$(CTEST) --test-dir $(BUILD)/c

test-py: packages-test packages-cross build $(VENV)/.tests ## the Python tests; TESTS=path narrows them
	$(PY) -m pytest -q $(if $(filter tests,$(TESTS)),$(WORKERS)) $(TESTS)

check: lint test ## lint, types and tests: what CI runs

cross: packages-cross build $(VENV)/.tests ## C tests, C server and `dbx serve` for aarch64 and riscv64, under qemu
	DBX_CROSS_ALL=1 $(PY) -m pytest -q -rA tests/cross

bare: $(VENV)/.tests ## the README's commands on a bare Debian 12: BARE="pip", BARE="make", or both; as root
	@tools/packages.sh debootstrap
	$(PY) -m tests.support.bare $(BARE)

asan: packages-test $(VENV)/.tools $(VENV)/.tests ## C and Python tests under the address and undefined-behaviour sanitizers
	$(CMAKE) -S . -B $(BUILD)/asan $(GENERATOR) $(C_TESTS) -DDBX_SANITIZE=address,undefined
	$(CMAKE) --build $(BUILD)/asan
	$(CTEST) --test-dir $(BUILD)/asan
	tools/asan.sh $(if $(filter tests,$(TESTS)),$(WORKERS)) $(TESTS)

tsan: build $(VENV)/.tests ## C tests, a loaded server and tests of servers under the thread sanitizer
	@tools/packages.sh redis-tools
	$(CMAKE) -S . -B $(BUILD)/tsan $(GENERATOR) $(C_TESTS) -DDBX_SANITIZE=thread
	$(CMAKE) --build $(BUILD)/tsan
	$(CTEST) --test-dir $(BUILD)/tsan --exclude-regex '$(SIMULATIONS)'
	tools/tsan.sh $(BUILD)/tsan/bin/serve_main
	DBX_TEST_SERVER=$(CURDIR)/$(BUILD)/tsan/bin/serve_main TSAN_OPTIONS=exitcode=66 \
	    $(PY) -m pytest -q $(WORKERS) tests/server tests/store tests/crash \
	    --ways resp2,resp3,resp2-tiny,resp3-tiny

fuzz: $(VENV)/.tools ## the libFuzzer targets, FUZZ_SECONDS each
	@tools/packages.sh clang libclang-rt-dev
	CC=clang $(CMAKE) -S . -B $(BUILD)/fuzz $(GENERATOR) -DDBX_FUZZ=ON -DDBX_SANITIZE=address,undefined
	$(CMAKE) --build $(BUILD)/fuzz
	tools/fuzz.sh $(BUILD)/fuzz/bin $(FUZZ_SECONDS)

soak: packages-test build $(VENV)/.tests ## random commands and restarts beside a real Redis, SOAK times as many
	DBX_SOAK=$(SOAK) $(PY) -m pytest -q -rA tests/differential tests/journal tests/store

powercut: $(VENV)/.tools ## cut the power in simulated runs, COUNT times, and start what is left; SEED=n begins elsewhere
	$(CMAKE) -S . -B $(BUILD)/c $(GENERATOR) $(C_TESTS)
	$(CMAKE) --build $(BUILD)/c --target powercut
	$(BUILD)/c/bin/powercut --states $(POWER_CUTS) --seed $(or $(SEED),1)

faults: $(VENV)/.tools ## make every system call and allocation of simulated runs fail; SEED=n begins elsewhere
	$(CMAKE) -S . -B $(BUILD)/c $(GENERATOR) $(C_TESTS)
	$(CMAKE) --build $(BUILD)/c --target faults
	$(BUILD)/c/bin/faults --stride 1 --histories 3 --seed $(or $(SEED),1)

broken: $(VENV)/.tools $(VENV)/.tests ## break a rule of the store in each of many builds: the simulations have to notice
	DBX_BROKEN_ALL=1 $(PY) -m pytest -q -rA tests/sim/test_broken.py

crash: build $(VENV)/.tests ## kill -9 under random commands and start again, COUNT times; SEED=n draws the same commands
	DBX_CRASH_COUNT=$(COUNT) DBX_CRASH_SEED=$(SEED) $(PY) -m pytest -q -s -rA tests/crash/test_cycles.py

complexity: build $(VENV)/.tests ## the work of commands at up to 10,000,000 elements; SIZES=1000,100000 for others
	DBX_COMPLEXITY_SIZES=$(or $(SIZES),1000,100000,10000000) $(PY) -m pytest -q -rA tests/complexity

clients: packages-test build $(VENV)/.tests ## other people's clients and tools, unmodified
	$(PY) -m pytest -q -rA tests/clients

bench: packages-test build $(VENV)/.bench ## side by side with redis-server; BENCH="--help" for its options
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m bench $(BENCH)

# --- Style ---

lint: build $(VENV)/.tests ## the checks of .pre-commit-config.yaml: ruff, mypy, clang-format, codespell, style
	$(BIN)/pre-commit run --all-files

fmt: $(VENV)/.tests ## format Python and C
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.h')

docs: build ## write docs/commands from the command table
	$(PY) tools/gen_docs.py

wheel: $(VENV)/.tools ## a wheel in dist/
	$(PY) -m pip wheel -q --no-deps -w dist .

clean: ## remove what was built; .venv stays
	rm -rf $(BUILD) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
