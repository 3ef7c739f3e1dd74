# The four things a developer does here. Each sets up what it needs: `.venv`, a Docker engine, the base images.
SHELL := /bin/bash
PYTHON ?= python3
machine := upgrader/demo/machine
ready := $(machine)/engine && $(machine)/images postgres:15 postgres:17 python:3.13-slim
workers := --numprocesses 2 --dist loadfile --no-loadscope-reorder
pip := .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input

.PHONY: demo test bench lint

demo: .venv/ready
	@$(ready)
	@.venv/bin/python -m upgrader demo

test: .venv/ready
	@$(ready)
	@.venv/bin/python -m pytest --require-docker $(workers) $(ARGS)

bench: .venv/ready
	@$(ready)
	@.venv/bin/python -m tests.bench $(if $(ONLY),--only $(ONLY))

lint: .venv/ready
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

.venv/ready: pyproject.toml .ci/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'make: needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && \
	  echo 'make: installing $(notdir $(PYTHON))-venv' && apt-get update -qq </dev/null && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(notdir $(PYTHON))-venv </dev/null >/dev/null; } || \
	  { echo 'make: $(PYTHON) cannot make virtual environments; as root: apt install $(notdir $(PYTHON))-venv' >&2; exit 1; }
	@echo 'make: installing the project and its tools into .venv'
	@$(PYTHON) -m venv .venv
	@$(pip) install --requirement .ci/requirements.lock
	@$(pip) install --no-deps --no-build-isolation --editable .
	@$(pip) check >/dev/null
	@.venv/bin/python -m compileall -q upgrader
	@touch $@
