# make demo: everything from videos to results/report.html.  make study: docs/results.md.  make test, make lint: run by CI.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo study test test-all lint format bench

demo: .venv/ready
	snakemake --cores all report

study: .venv/ready
	snakemake --configfile config/study.yaml --cores all report

test: .venv/ready
	pytest -n auto --dist worksteal -m "not slow" tests

test-all: .venv/ready
	pytest -n auto --dist worksteal tests

lint: .venv/ready
	ruff check . && ruff format --check .
	snakefmt --check Snakefile rules && snakemake --lint
	mypy

format: .venv/ready
	ruff check --fix . && ruff format . && snakefmt Snakefile rules

bench: .venv/ready
	for script in benchmarks/*.py; do python $$script || exit 1; done

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
