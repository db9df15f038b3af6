# make run   set up and run the long-context comparison
# make gpu   compile, check and time every kernel on this machine's GPU; rows land under results/
# make bench run the benchmarks of the harness's own speed once, on what stands here
# make history measure commits (COMMITS=HEAD~2..HEAD) in environments of their own; rows land under results/
# make test  set up and run every check: linters, types, import contracts, tests
PYTHON ?= python3
VENV ?= .venv
COMMITS ?= HEAD^!
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run test quick lint gpu bench history clean

run: $(VENV)/.run
	$(BIN)/harness run suite=long-context

test: lint
	$(BIN)/python -m pytest

quick: lint
	$(BIN)/python -m pytest -m "not slow"

gpu: $(VENV)/.run
	$(PIP) --editable '.[cuda,triton]'
	$(BIN)/harness gpu-check

bench: $(VENV)/.run
	$(PIP) --editable '.[bench]'
	$(BIN)/asv machine --yes >/dev/null
	$(BIN)/asv run --python=same --quick --dry-run --show-stderr

history: $(VENV)/.run
	$(PIP) --editable '.[bench]'
	$(BIN)/asv machine --yes >/dev/null
	$(BIN)/asv run --skip-existing '$(COMMITS)'
	$(BIN)/python benchmarks/asv_rows.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "harness needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "the venv module does not work; on Debian: apt-get install python3-venv"; exit 2; }

$(VENV)/.run: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) results/local build dist
