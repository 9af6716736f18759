# Each of these is complete by itself: it makes .venv and installs what it needs first. Another
# Python goes into a folder of its own: make smoke PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help run test slow torture coverage smoke check format docs site bench bench-check clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(INSTALLED)  ## Train configs/relu_mse_sgd.yaml
	$(BIN)/minidl train configs/relu_mse_sgd.yaml

# Two processes; one that has nothing left to do takes tests from the other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

test: $(INSTALLED)  ## Run the tests: some minutes
	$(PYTEST) -m "not slow"

slow: $(INSTALLED)  ## Run the long tests: minutes more; with TORTURE=1, a kill at each operation
	$(PYTEST) -m slow

torture: $(INSTALLED)  ## Kill and fail runs ten times as often as both do (hours)
	TORTURE=10 $(PYTEST) -m torture

# Python 3.11 can refuse to trace a thread that starts while another does, and a test that starts
# threads then fails: what failed is tried again untraced.
coverage: $(INSTALLED)  ## The tests of make test; fail if they reach less of the code than they did
	rm -f .coverage
	$(PYTEST) -m "not slow" --cov --cov-report= || $(PYTEST) -m "not slow" --last-failed
	$(BIN)/coverage report --skip-covered

# What another Python or another version of a dependency breaks first, in less than three minutes.
SMOKE := tests/spec tests/optim tests/nn/test_network.py tests/engine/test_compiled_step.py \
	tests/data/test_table.py tests/report/test_formats.py tests/report/test_plots.py \
	tests/runs/test_execute.py tests/cli/test_predict.py tests/sweep/test_members.py

smoke: $(INSTALLED)  ## Run a sample of the tests
	$(PYTEST) -m "not slow" $(SMOKE)

check: $(INSTALLED)  ## Lint, format and types; the import rules are a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## Fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## Generate docs/commands.md, reference.md and backpropagation.md
	$(BIN)/python docs/generate.py

site: $(INSTALLED)  ## Build the documentation's site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

bench: $(INSTALLED)  ## Measure a training step against PyTorch, scikit-learn and, if installed, JAX
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/step.py

bench-check: $(INSTALLED)  ## Fail if minidl has become slower than it was, relative to its peers
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/check.py

clean:  ## Remove .venv and caches; runs/ stays
	rm -rf .venv* *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installs again only when the two files change.
$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("minidl needs Python 3.11 or newer: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c $(CONSTRAINTS) -e '.[dev]'
	@touch $@
