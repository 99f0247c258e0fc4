# make demo: the whole pipeline on the studies that ship; make test: all tests; make lint: style,
# types and import directions. Each does its own set-up; Python >= 3.11 is all they assume.
PYTHON ?= python3
export NEURODECODE_VENV ?= $(CURDIR)/.venv
BIN := $(NEURODECODE_VENV)/bin
STAMP := $(NEURODECODE_VENV)/.installed-$(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
# Each job is a process: what Python compiles is kept, also where the caller's shell says not to.
RUN := env PATH="$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=

.PHONY: demo test lint setup clean

demo: $(STAMP)
	$(RUN) snakemake --profile workflows/profiles/local
	@echo "The report: results/report/index.html"

# Three workers for two cores: tests of SLURM and LSL wait for what they have started.
test: $(STAMP)
	$(RUN) OMP_NUM_THREADS=1 pytest -n 3 --dist loadgroup --cov=neurodecode --cov-branch --cov-report=term:skip-covered

lint: $(STAMP)
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) pytest -q -p no:cacheprovider tests/unit/test_imports.py

setup: $(STAMP)

# The hash in its name says what it is of: another clone with the same versions reuses it.
$(STAMP):
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, found " + sys.version.split()[0] + "; name another with PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --clear $(NEURODECODE_VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(STAMP)

clean:
	rm -rf results .venv .snakemake
