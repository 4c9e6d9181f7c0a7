# Everything below sets itself up: Python 3.11+ and make are all that a fresh machine needs.
#
#   make report      the LSTM on real text, and six cells compared; writes reports/lstm.html, compare.html
#   make figures     every figure of analyses/ and their gallery; writes reports/gallery/index.html
#   make docs        the site of docs/; writes reports/site/index.html
#   make test        linters, types and tests, but for the slow ones
#   make test-all    the slow tests too
#   make test-minimum  the tests with every package at the lower bound that pyproject.toml states
#   make fuzz        a minute of random attempts to get a wrong number; SECONDS=, SEED= say otherwise
#   make bench       every benchmark beside the peers installed (WITH_TORCH=1 installs torch and JAX)
#   make clean       remove what was generated; the environment in .venv stays
#
# PYTHON=python3.12 picks another Python. WITH_TORCH=1 tests against torch, JAX and what writes the
# formats of weights (Keras, ONNX, safetensors) as well, as CI does.

PYTHON     ?= python3
TORCH      ?= torch==2.13.0
JAX        ?= jax==0.10.2
WRITERS    ?= keras==3.15.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.28.0 safetensors==0.8.0
WITH_TORCH ?= $(if $(filter true,$(CI)),1)
WORKERS    ?= 2
SECONDS    ?= 60
SEED       ?= 0

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

CORE  := .venv/.core
DEV   := .venv/.dev
FAST  := .venv/.fast
DOCS  := .venv/.docs
TORCHED := $(if $(filter-out 0,$(WITH_TORCH)),.venv/.torch-and-jax)
WRITING := $(if $(TORCHED),.venv/.writers)

# One BLAS thread a worker: more of them fight over the same cores.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS)

LOWEST := .venv-minimum
AT_LOWEST := CI= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
  $(LOWEST)/bin/pytest -n $(WORKERS)
SMOKE := tests/test_cli.py tests/test_minimum.py tests/codegen/test_order.py \
  tests/codegen/test_kept_code.py tests/spectra/test_known_systems.py tests/spectra/test_sweep.py \
  tests/figures/test_figure_decay.py tests/figures/test_figure_page.py

.PHONY: help report figures docs test test-all test-minimum smoke-minimum fuzz lint bench clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

report: $(CORE)
	@mkdir -p reports
	@$(BIN)/gradflow report lstm --out reports/lstm.html
	@$(BIN)/gradflow compare lstm gru irnn rnn clockwork scrn --out reports/compare.html

figures: $(CORE)
	@$(BIN)/gradflow figure --all --out reports/gallery

docs: $(DOCS)
	@$(BIN)/python -m sphinx -q -E -b html docs reports/site

test: lint
	@$(PYTEST) -m "not slow"

test-all: lint
	@$(PYTEST)

# In CI a skipped test is a failure, and here those of the frameworks are skipped.
test-minimum: $(LOWEST)/.ready
	@$(AT_LOWEST) -m "not slow"

# What calls each package once, in a minute or two: CI runs it.
smoke-minimum: $(LOWEST)/.ready
	@$(AT_LOWEST) -m "not slow" $(SMOKE)

lint: $(DEV) $(TORCHED) $(WRITING)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

fuzz: $(DEV)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONPATH=tests \
	  $(BIN)/python -W error -m fuzz --seconds $(SECONDS) --seed $(SEED)

bench: $(CORE) $(FAST) $(TORCHED)
	@$(BIN)/python benchmarks/run.py

clean:
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find reports -mindepth 1 ! -path 'reports/benchmarks*' ! -name .gitkeep -delete
	@find gradflow tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "gradflow needs Python 3.11 or newer, and '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>/dev/null || echo missing); try: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' lacks the venv module, which the set-up needs;" \
	    "on Debian and Ubuntu install it with: apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating the environment .venv" >&2
	@$(PYTHON) -m venv .venv

$(CORE): pyproject.toml | $(BIN)/python
	@echo "Installing gradflow into .venv (once; a minute or so)" >&2
	@$(PIP) install --editable .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python $(TORCHED)
	@echo "Installing gradflow and its test tools into .venv (once; a minute or so)" >&2
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(CORE)

$(LOWEST)/.ready: pyproject.toml .ci/minimum.py | $(BIN)/python
	@echo "Installing the lowest versions that pyproject.toml allows into $(LOWEST)" >&2
	@rm -rf $(LOWEST) && $(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python .ci/minimum.py > $(LOWEST)/constraints.txt
	@$(LOWEST)/bin/python -m pip --disable-pip-version-check -qq install \
	  --constraint $(LOWEST)/constraints.txt --editable '.[dev,fast,pdf,arrays]'
	@touch $@

$(DOCS): pyproject.toml | $(CORE)
	@echo "Installing what builds the site into .venv (once)" >&2
	@$(PIP) install --editable '.[docs]'
	@touch $@

# numba is measured beside NumPy.
$(FAST): pyproject.toml | $(CORE)
	@echo "Installing numba into .venv (once)" >&2
	@$(PIP) install --editable '.[fast]'
	@touch $@

.venv/.torch-and-jax: | $(BIN)/python
	@echo "Installing $(TORCH) and $(JAX) into .venv (once)" >&2
	@$(PIP) install '$(TORCH)' '$(JAX)'
	@touch $@

# What writes files of weights. Keras computes with torch, and torch exports to ONNX with onnxscript.
# Of onnxruntime the version is one that sends no telemetry, as later ones do.
.venv/.writers: | .venv/.torch-and-jax
	@echo "Installing $(WRITERS) into .venv (once)" >&2
	@$(PIP) install $(foreach one,$(WRITERS),'$(one)')
	@touch $@
