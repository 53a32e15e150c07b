# Run `make` to see what there is.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export MPLBACKEND = Agg

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layers slow docs notebooks bench validation clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e '.[crosscheck]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e '.[crosscheck,test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.demo

demo: $(VENV)/.demo  ## Install, run the six-region study, end with the path of the report
	$(BIN)/recoverymetrics demo --out out/demo

test: $(VENV)/.test  ## Install what tests need and run the fast suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: lint types layers test  ## Everything a commit must pass

lint: $(VENV)/.dev  ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Static types
	$(BIN)/mypy

layers: $(VENV)/.dev  ## Imports point down the house
	$(BIN)/lint-imports

slow: $(VENV)/.dev  ## Long tests and browser tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'slow or browser'

docs: $(VENV)/.dev  ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

notebooks: $(VENV)/.dev  ## Execute every notebook
	$(BIN)/python -m pytest --nbmake notebooks -m '' -W default

bench: $(VENV)/.dev  ## Time the engines beside other programs
	$(BIN)/python -m benchmarks

validation: $(VENV)/.dev  ## Write docs/validation.md from the reference results
	$(BIN)/python docs/build_validation.py

clean:  ## Remove what the other targets made
	rm -rf $(VENV) out docs/_build docs/reference build dist
