# `make demo` shows a workflow run, `make test` tests everything, `make check` is what CI runs.
# Needs Python >= 3.11 (PYTHON=python3.12 picks another one); only `make proto`, a part of `make check`, also needs npm.

PYTHON  ?= python3
BIN     := .venv/bin
READY   := .venv/.ready
BUF     := node_modules/.bin/buf
PROTOS  := $(sort $(wildcard proto/stellwerk/v1/*.proto))
CODE    := sdk/python/src
SCRATCH := .make

.PHONY: demo test check venv lock generate verify proto lint types tidy bench profile clean
.DELETE_ON_ERROR:

demo: venv
	@$(BIN)/python examples/census/demo.py

test: venv
	$(BIN)/python -m pytest

check: lint types proto verify tidy test

# --- the environment

venv: $(READY)

$(READY): requirements.lock sdk/python/pyproject.toml server/pyproject.toml
	@PYTHON='$(PYTHON)' sh tools/make_venv.sh .venv
	@touch $@

lock: venv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --no-emit-package stellwerk --no-emit-package stellwerk-server \
	  requirements.in --output-file requirements.lock

# --- the protos and what is generated from them; a proto without a service has no use for a _grpc file

define protoc
$(BIN)/python -m grpc_tools.protoc --proto_path=proto --python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) $(PROTOS)
cd $(1) && rm -f $(patsubst proto/%.proto,%_pb2_grpc.py,$(shell grep -L '^service ' $(PROTOS)))
endef

generate: venv
	rm -f $(CODE)/stellwerk/v1/*_pb2*
	$(call protoc,$(CODE))

verify: venv
	@rm -rf $(SCRATCH)/verify && mkdir -p $(SCRATCH)/verify
	$(call protoc,$(SCRATCH)/verify)
	@diff -r -x __init__.py -x __pycache__ $(SCRATCH)/verify/stellwerk/v1 $(CODE)/stellwerk/v1 \
	  || { echo 'verify: the generated code is stale; run `make generate` and commit the result' >&2; exit 1; }
	@$(BIN)/uv pip check --quiet --python $(BIN)/python \
	  || { echo 'verify: requirements.lock does not fit the pyproject files; run `make lock`' >&2; exit 1; }

proto: $(BUF)
	$(BUF) lint
	@BUF='$(BUF)' sh tools/proto_breaking.sh $(SCRATCH)/proto_before

# Not `npm ci`: it refuses a lock without buf's builds for other systems, which not every mirror has.
$(BUF): package.json package-lock.json
	@sh tools/need_npm.sh
	npm install --no-save --ignore-scripts --no-progress --loglevel=error
	@touch $@

# --- the code

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

tidy: venv
	$(BIN)/python -m pytest tests/tidy

bench: venv
	@$(BIN)/python -m tests.bench $(if $(WORKLOAD),--workload $(WORKLOAD)) $(if $(SECONDS),--seconds $(SECONDS))

profile: venv
	@$(BIN)/python -m tests.bench.profile $(if $(WORKLOAD),--workload $(WORKLOAD)) $(if $(SECONDS),--seconds $(SECONDS))

clean:
	rm -rf .venv node_modules $(SCRATCH) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find sdk server -name '*.egg-info' -prune -exec rm -rf {} +
