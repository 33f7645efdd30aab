# Everything runs in .venv, made from the lock on the first call; later calls start at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready

.PHONY: demo test soak bills fuzz check format bench lock docs clean
.DEFAULT_GOAL := demo

$(LOCKED): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; call make PYTHON=python3.12, for example"; exit 2; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $(LOCKED)

$(READY): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(READY)

# The demo utility: drawn, landed, validated, billed, posted and published, with a summary at the end.
demo: $(READY)
	@$(BIN)/billmill demo demo-utility --fresh

test: $(READY)
	@$(BIN)/python -m pytest

# Every way to hurt Billmill in turn, for so many minutes, with a table of counts; what is unexplained tells its seed
# (docs/proof.md; Linux only).
MINUTES ?= 10
soak: $(READY)
	@PYTHONPATH=.:tests/soak:tests/rating:tests/cycles:tests/cli:tests/ingest $(BIN)/python -m proof --minutes $(MINUTES)

# Random bills beside the slow twin until so many are 0 cents apart; a failure tells its seed.
BILLS ?= 1000000
bills: $(READY)
	@PYTHONPATH=.:tests/rating $(BIN)/python -m soak --bills $(BILLS)

# Every reader of meter files fed with damaged ones, guided by coverage, so many seconds for each format (Linux only).
SECONDS ?= 60
fuzz: $(READY)
	@$(BIN)/python -c 'import atheris' || { echo "make fuzz needs atheris: $(BIN)/pip install --editable '.[fuzz]'"; exit 2; }
	@PYTHONPATH=.:tests/ingest:tests/fuzz $(BIN)/python -m guided --seconds $(SECONDS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache --no-logo

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# A small month stage by stage; the same reads beside DuckDB, plain Polars and peers; bills over thousands of tariffs
# beside SQL. Two to three minutes; figures go to benchmarks/results.json and results.md.
bench: $(READY)
	@$(BIN)/python -m benchmarks.month --meters 10000 --repeat 3
	@$(BIN)/python -m benchmarks.side_by_side
	@$(BIN)/python -m benchmarks.tariffs

# docs/tables.md from model/, docs/commands.md from the help of each command.
docs: $(READY)
	@$(BIN)/python -m docs.generate

# Needs uv (pip install uv). Locks for all platforms; the files name no index.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-dev.in -o requirements-dev.lock

clean:
	rm -rf $(VENV) dist build demo-utility .mypy_cache .ruff_cache .pytest_cache .hypothesis
