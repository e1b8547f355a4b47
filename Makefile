# make demo: everything from videos to results/report.html.  make study: docs/results.md.  make test, make lint: run by CI.
PYTHON ?= python3
OUTSIDE := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# processes that test: some tests only wait
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: demo study test test-all lint format bench .venv/ready

demo: .venv/ready
	snakemake --cores all report

study: .venv/ready
	snakemake --configfile config/study.yaml --cores all report

test: .venv/ready
	pytest -n auto --dist worksteal -m "not slow" tests

test-all: .venv/ready
	pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests

lint: .venv/ready
	ruff check . && ruff format --check .
	snakefmt --check Snakefile rules && snakemake --lint
	mypy

format: .venv/ready
	ruff check --fix . && ruff format . && snakefmt Snakefile rules

bench: .venv/ready
	for script in benchmarks/*.py; do python $$script || exit 1; done

# Makes .venv if it is missing, unfinished, moved, or not of the PYTHON that was asked for; see there.
.venv/ready:
	@PATH="$(OUTSIDE)" $(PYTHON) envs/make_venv.py $(if $(filter file,$(origin PYTHON)),,$(PYTHON))
