# `make demo` and `make test` set up by themselves; set-up is redone only when the lock or pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

# Without compiled files beside it, every start of Python would compile pandas, torch and the rest anew: 1 to 10 s each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test gate bench bench-peers lock test-oldest clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(STAMP)  ## make .venv from the lock, nothing else

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); \
	sys.exit(0 if ok else "expected Python 3.11 to 3.13, got " + sys.version.split()[0] + "; run: make PYTHON=python3.12 ...")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(STAMP)  ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev --generate-hashes \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock

demo: $(STAMP)  ## every competition on toy files: score, baseline, submission
	@$(BIN)/podium demo

test: $(STAMP)  ## the tests
	@$(BIN)/python -m pytest

gate: $(STAMP)  ## style and types, for people and CI alike
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP)  ## benchmarks against peers and bare scripts; ONLY=name runs one
	@$(BIN)/python -m tests.bench $(ONLY)

# The peers that live in an environment of their own, for `make bench` to compare with.
PEERS := .venv-peers
bench-peers: $(PEERS)/.ready  ## an environment with fastai, which the image benchmark compares with
$(PEERS)/.ready: $(STAMP)
	rm -rf $(PEERS)
	$(BIN)/uv venv --quiet --python $(BIN)/python $(PEERS)
	VIRTUAL_ENV=$(abspath $(PEERS)) $(BIN)/uv pip install --quiet "fastai>=2.8" timm
	@touch $@

# An environment of exactly the lower bounds that pyproject.toml promises, and the tests in it.
OLDEST := .venv-oldest
$(OLDEST)/.ready: $(STAMP) pyproject.toml
	rm -rf $(OLDEST)
	$(BIN)/uv venv --quiet --python $(BIN)/python $(OLDEST)
	$(BIN)/uv pip compile --quiet --python $(OLDEST)/bin/python --resolution lowest-direct --all-extras --group dev \
	  pyproject.toml -o $(OLDEST)/requirements.txt
	VIRTUAL_ENV=$(abspath $(OLDEST)) $(BIN)/uv pip install --quiet -r $(OLDEST)/requirements.txt
	VIRTUAL_ENV=$(abspath $(OLDEST)) $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

test-oldest: $(OLDEST)/.ready  ## the tests on exactly the lower bounds of pyproject.toml
	@$(OLDEST)/bin/python -m pytest

clean:  ## remove the environments and what tests left
	rm -rf $(VENV) $(OLDEST) $(PEERS) .mypy_cache .pytest_cache .ruff_cache .hypothesis
