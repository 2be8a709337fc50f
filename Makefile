# `make demo` shows a workflow run, `make test` tests everything, `make check` is what CI runs.
# Needs Python >= 3.11 (PYTHON=python3.12 picks another one); tests and the other SDKs also a JDK >= 17 and Maven.
# Node >= 20.19 is taken from the PATH, or fetched into .make/ where it is missing.

PYTHON  ?= python3
BIN     := .venv/bin
SCRATCH := .make
BUF     := node_modules/.bin/buf
PROTOS  := $(sort $(wildcard proto/stellwerk/v1/*.proto))
CODE    := sdk/python/src
CASES   := tests/conformance
MVN     := mvn -B -ntp

export PATH := $(CURDIR)/$(SCRATCH)/bin:$(PATH)

# What is made once and made again when its sources change.
VENV    := .venv/.ready
NPM     := node_modules/.ready
NODE    := $(SCRATCH)/node.ready
JAVA    := $(SCRATCH)/java.ready
PAGES   := $(SCRATCH)/dashboard.ready
GRPCURL := $(SCRATCH)/bin/grpcurl
CHECKERS := $(SCRATCH)/deploy_checkers.ready
BROWSER := $(SCRATCH)/chromium.ready

NODE_SOURCES := $(shell find sdk/node -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/build/*')
PAGES_SOURCES := $(shell find server/dashboard -type f -not -path '*/node_modules/*' -not -path '*/build/*')
PAGES_BUILT   := server/src/stellwerk_server/web/static
JAVA_SOURCES := pom.xml examples/pom.xml $(shell find sdk/java examples/*/java tests/*/java tests/faults/workers/java -type f -not -path '*/target/*')

.PHONY: demo test check venv sdks dashboard lock generate verify proto lint types tidy test-python test-node test-java \
        bench profile soak faults examples python node java all stop clean
.DELETE_ON_ERROR:

# The pages are part of it where Node is; nothing is fetched for them.
demo: venv
	@if command -v npm >/dev/null; then $(MAKE) --silent dashboard; else echo 'demo: without the dashboard, npm is not here'; fi
	@$(BIN)/python examples/census/demo.py
	@$(BIN)/python -m tools.examples polyglot

test: test-python test-node test-java

check: lint types proto verify tidy test

# --- the environments

venv: $(VENV)

$(VENV): requirements.lock sdk/python/pyproject.toml server/pyproject.toml
	@PYTHON='$(PYTHON)' sh tools/make_venv.sh .venv
	@touch $@

# Not `npm ci`: it refuses a lock without buf's builds for other systems, which not every mirror has.
$(NPM): package.json package-lock.json sdk/node/package.json server/dashboard/package.json
	@PYTHON='$(PYTHON)' sh tools/need_node.sh
	npm install --no-save --ignore-scripts --no-progress --loglevel=error
	@touch $@

sdks: venv $(NODE) $(JAVA) $(PAGES)

$(NODE): $(NPM) $(NODE_SOURCES)
	npm run --silent build --workspace sdk/node
	@mkdir -p $(@D) && touch $@

dashboard: $(PAGES)

$(PAGES): $(NPM) $(PAGES_SOURCES)
	npm run --silent build --workspace server/dashboard
	@mkdir -p $(@D) && touch $@

$(JAVA): $(JAVA_SOURCES)
	@sh tools/need_java.sh
	@rm -rf sdk/java/target/lib # copying leaves the jars of another version where they are
	$(MVN) -q package -DskipTests
	@mkdir -p $(@D) && touch $@

# Where they cannot be had their tests say so: skipped on a desk, failed in CI.
$(GRPCURL): tools/grpcurl.sh tools/go_install.sh
	-@PYTHON='$(PYTHON)' sh tools/grpcurl.sh

$(CHECKERS): tools/deploy_checkers.sh tools/go_install.sh
	-@PYTHON='$(PYTHON)' sh tools/deploy_checkers.sh && touch $@

# The same goes for the tests of the dashboard.
$(BROWSER): tools/need_chromium.sh
	-@sh tools/need_chromium.sh && mkdir -p $(@D) && touch $@

lock: venv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --no-emit-package stellwerk --no-emit-package stellwerk-server \
	  requirements.in --output-file requirements.lock

# --- the protos and what is generated from them; a proto without a service has no use for a _grpc file

define protoc
$(BIN)/python -m grpc_tools.protoc --proto_path=proto --python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) $(PROTOS)
cd $(1) && rm -f $(patsubst proto/%.proto,%_pb2_grpc.py,$(shell grep -L '^service ' $(PROTOS)))
endef

define protoc_cases
$(BIN)/python -m grpc_tools.protoc --proto_path=$(CASES) --python_out=$(1) --pyi_out=$(1) $(CASES)/case.proto
endef

generate: venv $(NPM)
	rm -f $(CODE)/stellwerk/v1/*_pb2*
	$(call protoc,$(CODE))
	$(call protoc_cases,$(CASES))
	sh sdk/node/generate.sh
	sh sdk/java/generate.sh

define same
@diff -r -x __init__.py -x __pycache__ $(1) $(2) \
  || { echo 'verify: the generated code is stale; run `make generate` and commit the result' >&2; exit 1; }
endef

verify: venv $(NPM)
	@sh tools/need_java.sh
	@rm -rf $(SCRATCH)/verify && mkdir -p $(SCRATCH)/verify/python $(SCRATCH)/verify/cases
	$(call protoc,$(SCRATCH)/verify/python)
	$(call protoc_cases,$(SCRATCH)/verify/cases)
	sh sdk/node/generate.sh $(SCRATCH)/verify/node
	sh sdk/java/generate.sh $(SCRATCH)/verify/java
	$(call same,$(SCRATCH)/verify/python/stellwerk/v1,$(CODE)/stellwerk/v1)
	$(call same,$(SCRATCH)/verify/cases/case_pb2.py,$(CASES)/case_pb2.py)
	$(call same,$(SCRATCH)/verify/node,sdk/node/src/v1)
	$(call same,$(SCRATCH)/verify/java,sdk/java/src/generated/java)
	@$(BIN)/uv pip check --quiet --python $(BIN)/python \
	  || { echo 'verify: requirements.lock does not fit the pyproject files; run `make lock`' >&2; exit 1; }

proto: $(NPM)
	$(BUF) lint
	@BUF='$(BUF)' sh tools/proto_breaking.sh $(SCRATCH)/proto_before

# --- the code; compiling Node's and Java's is what checks their types

lint: venv $(NPM)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	npm run --silent lint --workspace sdk/node
	npm run --silent lint --workspace server/dashboard

types: venv sdks
	$(BIN)/mypy

tidy: venv
	$(BIN)/python -m pytest tests/tidy

test-python: sdks $(GRPCURL) $(CHECKERS) $(BROWSER)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-node: $(NODE)
	npm test --silent --workspace sdk/node
	npm test --silent --workspace server/dashboard

test-java: $(JAVA)
	$(MVN) verify

bench: venv
	@$(BIN)/python -m tests.bench $(if $(WORKLOAD),--workload $(WORKLOAD)) $(if $(WORKER),--worker $(WORKER)) \
	  $(if $(SECONDS),--seconds $(SECONDS))

profile: venv
	@$(BIN)/python -m tests.bench.profile $(if $(WORKLOAD),--workload $(WORKLOAD)) $(if $(SECONDS),--seconds $(SECONDS))

# The suites of docs/reliability.md with many more examples and seeds, for hours; each says how to play again what it finds.
soak: sdks
	STELLWERK_MODEL_EXAMPLES=1000 STELLWERK_MODEL_STEPS=80 $(BIN)/python -m pytest tests/model --ignore tests/model/test_seeded.py
	STELLWERK_SEEDED_ROUNDS=3 $(BIN)/python -m pytest tests/model/test_seeded.py
	STELLWERK_INTERLEAVE=all $(BIN)/python -m pytest tests/interleave
	STELLWERK_SIMULATION_SEEDS=500 $(BIN)/python -m pytest tests/simulation
	STELLWERK_EDGE_INPUTS=1000000 STELLWERK_EDGE_DEFINITIONS=1000000 STELLWERK_EDGE_CONNECTIONS=5000 $(BIN)/python -m pytest tests/edge

# MINUTES=3 or HOURS=2 instead of ten minutes, SEED=1 for a certain run.
faults: sdks
	@$(BIN)/python -m tests.faults $(if $(HOURS),--hours $(HOURS)) $(if $(MINUTES),--minutes $(MINUTES)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(FOLDER),--folder $(FOLDER))

# --- the examples; `make all` leaves the server and all workers running until `make stop`

# LANGUAGES="python node" runs only these.
examples: sdks
	@$(BIN)/python -m tools.examples check $(LANGUAGES)

python: venv
	@$(BIN)/python -m tools.examples work $@

node: venv $(NODE)
	@$(BIN)/python -m tools.examples work $@

java: venv $(JAVA)
	@$(BIN)/python -m tools.examples work $@

all: sdks
	@$(BIN)/python -m tools.examples all

stop: venv
	@$(BIN)/python -m tools.examples stop

# Asks before it takes away the data folder (YES=1 does not), and needs nothing of what it takes away.
clean:
	@$(PYTHON) -m tools.examples.clean
	rm -rf .venv node_modules $(SCRATCH) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf sdk/node/dist sdk/node/build sdk/node/node_modules target
	rm -rf server/dashboard/build server/dashboard/node_modules $(PAGES_BUILT)
	find . -name __pycache__ -prune -exec rm -rf {} +
	find sdk server -name '*.egg-info' -prune -exec rm -rf {} +
	find sdk/java tests examples -type d -name target -prune -exec rm -rf {} +
