# `make demo` shows lrfinder, `make check` and `make test` check it. Each installs what it needs; python3 and a package index suffice.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
TORCH := torch==2.13.0  # newer releases install gigabytes of CUDA packages
CORE = core-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: help demo check test lint docs docs-links docs-pictures fuzz bench-calls bench-import bench-overhead bench-restore bench-suggestion clean

help:  ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/demo  ## range test, suggestion and a check of it on handwritten digits; pictures in lrfinder-demo/
	$(BIN)/lrfinder demo

check: $(VENV)/nox  ## style, types and the tests of the core: 2 minutes
	$(BIN)/nox --parallel auto --session lint $(CORE)

test: $(VENV)/nox  ## every check and every test, each in its environment: 25 minutes on 2 processors
	$(BIN)/nox --parallel auto

lint: $(VENV)/nox  ## style and types alone
	$(BIN)/nox --session lint

docs: $(VENV)/docs  ## build the site in docs/_build; warnings are errors; the gallery of real data needs LRFINDER_DATA
	$(BIN)/sphinx-build -W --keep-going docs docs/_build

docs-links: $(VENV)/docs  ## check the links that leave the site
	$(BIN)/sphinx-build -b linkcheck -D plot_gallery=0 docs docs/_build/links

docs-pictures: $(VENV)/docs  ## draw the shapes of docs/reading-the-curve.md again
	$(BIN)/python docs/shapes.py docs/images

fuzz: $(VENV)/fuzz  ## 2,000 generated trainings, each with the finder and without: 20 minutes; ARGS="--cases 500 --seed 2"
	PYTHONPATH=src OMP_NUM_THREADS=1 $(BIN)/python tests/support/fuzz.py --log docs/evidence/fuzz.md $(ARGS)

bench-import: $(VENV)/demo  ## measure `import lrfinder` against `import numpy`
	$(BIN)/python benchmarks/import_time.py

bench-overhead: $(PEERS)/ready  ## measure speed, memory and growth of finders (20 minutes); ARGS="own snapshots"
	PYTHONPATH=src OMP_NUM_THREADS=1 $(PEERS)/bin/python benchmarks/overhead/run.py $(ARGS)

bench-calls: $(PEERS)/ready  ## measure whole calls of finders and the regret of their rates (1 hour); continues where it stopped
	PYTHONPATH=src $(PEERS)/bin/python benchmarks/calls/run.py $(ARGS)

bench-restore: $(PEERS)/ready  ## check what finders of other packages restore, by the same twin test (3 minutes)
	PYTHONPATH=src $(PEERS)/bin/python benchmarks/restore/run.py

bench-suggestion: .venv-benchmark/ready  ## run every finder on every development task: hours; continues where it stopped
	.venv-benchmark/bin/python benchmarks/suggestion/run.py --set development --seeds 10 $(ARGS)

clean:  ## remove what the other commands created
	rm -rf $(VENV) $(PEERS) .venv-benchmark .nox lrfinder-demo dist .coverage docs/_build docs/gallery .pytest_cache .hypothesis .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

.venv-benchmark/ready: benchmarks/suggestion/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-benchmark
	.venv-benchmark/bin/python -m pip install --quiet --disable-pip-version-check --editable . -r benchmarks/suggestion/requirements.txt
	@touch $@

$(VENV)/demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]' $(TORCH)
	@touch $@

$(VENV)/docs: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]' $(TORCH)
	@touch $@

$(VENV)/fuzz: $(VENV)/demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'hypothesis>=6.100'
	@touch $@

$(VENV)/nox: $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'nox>=2026.10.20'
	@touch $@

# the tables report a peer that cannot be installed (-)
$(PEERS)/ready: benchmarks/restore/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	-$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check torch-lr-finder==0.2.2
	-$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check pytorch-ignite==0.5.5
	-$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check lightning==2.6.6
	-$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps fastai==2.8.12 fastdownload
	@touch $@
