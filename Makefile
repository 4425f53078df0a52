# Everything here works from a fresh clone with nothing but Python 3.11 or newer, git and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready

# The first interpreter that is new enough; `make setup PYTHON=/path/to/python3` overrides it.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	"$$python" -c '$(NEW_ENOUGH)' 2>/dev/null && echo "$$python" && break; done)

# More arguments for the command behind a target: make test ARGS="tests/unit -k budget"
ARGS ?=

.PHONY: help
help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

.PHONY: setup
setup: $(READY) ## Make .venv with everything in it, exactly as locked

# The stamp is as new as the lock and the project file: when neither changed, nothing is done.
$(READY): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Treadle needs Python 3.11 or newer. Install it, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; fi
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV)
	@sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ .*--hash/p}' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $(READY)

.PHONY: demo
demo: $(READY) ## Start a platform, run the example on it, show everything, stop it
	@$(BIN)/treadle demo $(ARGS)

.PHONY: test
test: $(READY) ## Run the tests on two workers
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

.PHONY: chaos
chaos: $(READY) ## Kill parts of a platform under load for five minutes
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-300} $(BIN)/python -m pytest -s tests/chaos $(ARGS)

.PHONY: check
check: $(READY) ## Format, lint, types, import layers; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

.PHONY: fix
fix: $(READY) ## Format, and repair what the linter can repair
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(READY) ## Measure, and print a table with medians and ratios
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-scale
bench-scale: $(READY) ## Measure a hundred thousand queued jobs and a thousand running ones, on a simulated engine
	@$(BIN)/python -m benchmarks.scale $(ARGS)

.PHONY: sdk
sdk: $(READY) ## Write the blocking side of the SDK, which is made from the asynchronous one
	@$(BIN)/python -m tools.sync_sdk

.PHONY: docs
docs: $(READY) ## Write the reference pages that are made from the code
	@$(BIN)/python -m docs.reference

.PHONY: hooks
hooks: $(READY) ## Run the checks on each commit
	@$(BIN)/prek install

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew and write requirements.lock
	@$(UV) pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal \
		--no-emit-index-url --custom-compile-command "make lock" --quiet --upgrade --output-file requirements.lock
	@$(MAKE) lock-image

IMAGE := deploy/container

# The same versions as those that are tested, without what only development needs.
.PHONY: lock-image
lock-image: $(READY) ## Resolve what the container image holds, in the versions of requirements.lock
	@$(UV) pip compile pyproject.toml $(IMAGE)/requirements.in --extra server --extra postgresql --extra s3 --extra ray \
		--constraint requirements.lock --generate-hashes --universal --no-emit-index-url --no-annotate \
		--custom-compile-command "make lock" --quiet --output-file $(IMAGE)/requirements.lock

CLIENTS := tests/contract/clients

# Each .in names the day whose packages its client is locked with: an old client meets the Qiskit of its time.
.PHONY: lock-clients
lock-clients: $(READY) ## Resolve the environments of the PyPI clients the contract tests run
	@for client in $(CLIENTS)/*.in; do \
		$(UV) pip compile $$client --generate-hashes --universal --python-version 3.11 \
			--exclude-newer "$$(sed -n 's/^# as-of: //p' $$client)" \
			--no-emit-index-url --no-annotate --custom-compile-command "make lock-clients" --quiet --upgrade --output-file $${client%.in}.lock; done

.PHONY: clean
clean: ## Remove what was built, cached or installed
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
