# Two commands are enough on a fresh machine: `make demo` and `make test`.
# Each makes the environment in .venv itself, from a lock whose every file is checked by its hash.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: setup demo test check e2e bench bench-understanding bench-replies train fuzz clean
.DEFAULT_GOAL := test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Warmline needs Python 3.11 or newer; name one with PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Warmline needs into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what its tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev ## The environment, with everything the tests need

demo: $(VENV)/.run ## A recorded week in a small town, in your browser
	@$(BIN)/warmline demo

test: check ## Everything that must hold before a change lands
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m "not e2e and not fuzz"

check: $(VENV)/.dev ## What needs no test run: style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: $(VENV)/.dev ## The tests against large servers
	$(BIN)/pytest -m e2e

bench: $(VENV)/.dev ## Speed, as ratios to a baseline measured in the same run
	$(BIN)/python -m benchmarks

bench-understanding: $(VENV)/.dev ## What is understood, against peers on the same rows
	$(BIN)/python -m benchmarks.understanding

bench-replies: $(VENV)/.dev ## What the drafts are worth, rule by rule
	$(BIN)/python -m benchmarks.replies

$(VENV)/.train: requirements/train.txt requirements/meaning.txt $(VENV)/.dev
	@echo "Installing what training needs ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/train.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/meaning.txt
	@touch $@

train: $(VENV)/.train ## Builds the table that understands mentions anew, the same to the byte
	$(BIN)/python -m tools.train

fuzz: $(VENV)/.dev ## The long random runs
	$(BIN)/pytest -m fuzz

clean:
	rm -rf $(VENV) dist build
