# make demo    the whole daemon against a simulated Facebook; no account needed
#              another port, say: make demo DEMO_ARGS="--port 9090"
# make check   lint, types and every test, as CI does
# make manual  the man page and the completions of the shells anew, after a change of the options
# make bench   every measurement of docs/PERFORMANCE.md, beside its peers; about an hour and a half
#              saved in build/bench; an hour without the largest loads: make bench BENCH_ARGS=--short
# make torture 1,000 kills, 10,000 lost files and 24 months (docs/RELIABILITY.md); one to two hours
#
# Needs make and Python 3.11 or newer, with venv. Another Python: make test PYTHON=python3.12

VENV := .venv
BIN := $(VENV)/bin
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3 python
# A name on PATH proves nothing: version managers leave stubs there, and Debian's Python lacks ensurepip.
FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST_ARGS ?= -n auto --maxprocesses=8

.PHONY: help demo test manual bench torture lint types check lock clean other-python

help:
	@sed -n '/^#$$/q;s/^# //p' Makefile

demo: $(VENV)/.run
	$(BIN)/fbsyncd demo $(DEMO_ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -ra $(PYTEST_ARGS)

manual: $(VENV)/.dev
	$(BIN)/python tools/manual.py
	$(BIN)/python tools/completion.py

bench: $(VENV)/.dev
	$(BIN)/python -m bench.programs
	$(BIN)/python -m bench all --save build/bench $(BENCH_ARGS)

torture: $(VENV)/.dev
	$(BIN)/python tests/endurance.py $(TORTURE_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

# A venv made with another Python than the one now asked for is made anew.
ifneq ($(PYTHON),)
ifneq ($(PYTHON),$(shell cat $(VENV)/.python 2>/dev/null))
$(VENV)/.run: other-python
endif
endif

$(VENV)/.run: requirements.lock pyproject.toml setup.py
	@python=; \
	for candidate in $(or $(PYTHON),$(CANDIDATES)); do \
	  if "$$candidate" -c '$(FIT)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "No usable Python among: $(or $(PYTHON),$(CANDIDATES))" >&2; \
	  echo "fbsyncd needs Python 3.11 or newer with the modules venv and ensurepip." >&2; \
	  echo "Debian, Ubuntu: apt install python3 python3-venv.  Fedora: dnf install python3." >&2; \
	  exit 1; \
	fi; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv --clear $(VENV) && echo "$(PYTHON)" >$(VENV)/.python
	@echo "Installing fbsyncd and what it needs into $(VENV); only the first time takes so long"
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing what the tests need into $(VENV)"
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

# The exact versions and hashes of everything; needs uv (pip install uv).
LOCK := uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	--custom-compile-command 'make lock' pyproject.toml
lock:
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
