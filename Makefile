# Each of these is complete by itself: it makes .venv and installs what it needs first.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help run test slow torture check format bench clean

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

run: $(INSTALLED)  ## Train configs/relu_mse_sgd.yaml
	$(BIN)/minidl train configs/relu_mse_sgd.yaml

# Two processes; who has nothing left to do takes from the other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

test: $(INSTALLED)  ## Run the tests, in less than four minutes
	$(PYTEST) -m "not slow"

slow: $(INSTALLED)  ## Run the long tests too: a kill and a failure at each operation on the disk
	$(PYTEST) -m slow

torture: $(INSTALLED)  ## Kill and fail trainings ten times as often as both do (hours)
	TORTURE=10 $(PYTEST) -m torture

check: $(INSTALLED)  ## Lint, format and types; the import rules are a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## Mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## Measure a training step against PyTorch and scikit-learn
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/step.py

clean:  ## Remove .venv and caches; runs/ stays
	rm -rf .venv *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installs again only when the two files change.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("minidl needs Python 3.11 or newer: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@
