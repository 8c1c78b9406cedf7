# make demo    the whole road on sounds made on the spot
# make test    every test and every docstring example
# make light   listening alone, without PyTorch, into .venv-light; and the tests that need no more
# make lint    style and types
# make site    the documentation as pages, into site/
# make dist    wheel and source distribution, into dist/
# make clean   take away what the others left
#
# Each target installs what it needs into .venv first; a second call finds it there.
#
#   PYTHON  the interpreter that .venv is made with (3.11 to 3.13)
#   TORCH   cpu or gpu: which build of PyTorch is installed. Linux without an NVIDIA driver takes the CPU build,
#           everything else the package index's own (on Linux that one brings several GB of CUDA libraries).

PYTHON ?= python3
TORCH ?= $(if $(filter Linux,$(shell uname -s)),$(if $(shell command -v nvidia-smi),gpu,cpu),gpu)
DEMO ?= earmark-demo
JOBS ?= 2

BIN := .venv/bin
LIGHT_ENV ?= .venv-light
LIGHT := tests/formats tests/decisions tests/audio tests/test_clock.py tests/test_scores.py tests/test_light.py \
  --ignore tests/decisions/test_calibration.py  # compares with scikit-learn
PIP := $(BIN)/python -m pip --disable-pip-version-check
VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)
CPU_INDEX := https://download.pytorch.org/whl/cpu

.PHONY: demo test light lint site dist clean

demo: .venv/installed-all
	$(BIN)/earmark demo -o $(DEMO)

# One thread a process: the processes are the parallelism.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

# Tests of the rooms that need no PyTorch, in an environment that has none.
light: $(LIGHT_ENV)/installed
	OMP_NUM_THREADS=1 $(LIGHT_ENV)/bin/python -m pytest -q $(LIGHT)
	$(LIGHT_ENV)/bin/earmark card | head -n 12

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

site: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

dist: .venv/installed-dev
	$(BIN)/python -m build

clean:
	rm -rf .venv $(LIGHT_ENV) site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "earmark needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The local version +cpu can only be a CPU build, wherever it comes from; --no-deps leaves the rest to the next step.
.venv/installed-torch: constraints.txt | .venv/bin/python
ifeq ($(TORCH),cpu)
	$(PIP) install --no-deps --retries 2 --extra-index-url $(CPU_INDEX) "torch==$(VERSION)+cpu" || \
	  { echo "no CPU build of PyTorch $(VERSION) within reach; 'make TORCH=gpu' takes the package index's own" >&2; exit 1; }
else
	$(PIP) install -c constraints.txt torch
endif
	@touch $@

$(LIGHT_ENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(LIGHT_ENV)
	$(LIGHT_ENV)/bin/python -m pip --disable-pip-version-check install . "pytest>=8" "hypothesis>=6.120"
	@touch $@

.venv/installed-%: .venv/installed-torch pyproject.toml
	$(PIP) install -c constraints.txt -e ".[all$(if $(filter dev,$*),$(comma)dev)]"
ifeq ($(TORCH),cpu)
	@! $(PIP) list | grep -i '^nvidia-' || \
	  { echo "a GPU build of PyTorch came in, and this machine has no use for it" >&2; exit 1; }
endif
	@touch $@

comma := ,
