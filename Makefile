# The two commands are `make demo` and `make test`; each does everything on a machine with Python 3.11, venv and make.

PYTHON ?= python3
VENV ?= .venv
# Backends to test on, e.g. BACKENDS="jax tensorflow torch". All tests run on the first of them, and those that
# build or run Keras models on the others too, one process for each. The docstrings of the installed package are tests.
BACKENDS ?= jax
PYTEST ?= $(VENV)/bin/python -m pytest
# Processes that share the test files of a backend.
WORKERS ?= 2
# About how many MB each list of packages takes on a disk, where that was measured.
MB_run = 770
MB_test = 720
COMMA = ,
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt
SOURCES := $(shell find src pyproject.toml README.md LICENSE -type f -not -name '*.pyc')

# What is judged file by file, by hundreds: each has a target of its own.
APART = tests/hostile tests/good tests/legacy tests/ray

.PHONY: demo test test-ray hostile good fuzz faults legacy detection check docs format clean

demo: $(VENV)/package.done
	@echo "== running the demo"
	@$(VENV)/bin/kerasemble demo

test: $(VENV)/package.done $(VENV)/test.done $(VENV)/peers.done $(BACKENDS:%=$(VENV)/%.done)
	@set -e; marks=""; for backend in $(BACKENDS); do \
		echo "== tests on $$backend"; \
		KERAS_BACKEND=$$backend $(PYTEST) -n $(WORKERS) --dist loadfile -m "$$marks" --durations=5 $(APART:%=--ignore=%) tests --pyargs kerasemble; \
		marks="backend"; \
	done

# Members run by actors on a cluster of three nodes that is simulated here; nodes and actors are killed.
test-ray: $(VENV)/package.done $(VENV)/test.done $(VENV)/jax.done $(VENV)/ray.done
	KERAS_BACKEND=jax $(PYTEST) --quiet tests/ray

# Hostile files, each refused for its reason; good models, each accepted with its facts.
hostile good: $(VENV)/package.done $(VENV)/test.done $(VENV)/jax.done
	KERAS_BACKEND=jax $(PYTEST) --quiet tests/$@
	$(VENV)/bin/python tests/$@/report.py

SECONDS ?= 600
fuzz: $(VENV)/package.done $(VENV)/jax.done
	$(VENV)/bin/python tests/fuzz/run.py --seconds $(SECONDS) --load

# A run into a store is killed again and again, at each of its writes and at any instant.
KILLS ?= 1000
faults: $(VENV)/package.done $(VENV)/test.done $(VENV)/jax.done
	KERAS_BACKEND=jax $(VENV)/bin/python tests/faults/run.py --kills $(KILLS)

# Old files, each opened by tf_keras and by ours: the same answers.
legacy: $(VENV)/package.done $(VENV)/test.done $(VENV)/tensorflow.done $(VENV)/legacy.done
	KERAS_BACKEND=tensorflow $(PYTEST) --quiet tests/legacy

# Faults that are put into members of real data, and how many of them are found. The table of docs/measured.md.
detection: $(VENV)/package.done $(VENV)/test.done $(VENV)/jax.done
	KERAS_BACKEND=jax $(VENV)/bin/python benchmarks/detection.py

check: $(VENV)/package.done $(VENV)/test.done
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/codespell

docs: $(VENV)/package.done $(VENV)/docs.done
	$(VENV)/bin/python docs/make_reference.py
	$(VENV)/bin/mkdocs build --strict

format: $(VENV)/test.done
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:
	rm -rf $(VENV) build dist site kerasemble-demo

# The package is built and installed as users get it, so that what is tested is the wheel.
$(VENV)/package.done: $(VENV)/run.done $(SOURCES)
	@echo "== building the package and installing it into $(VENV)"
	@$(PIP) --no-deps --no-build-isolation --force-reinstall .
	@touch $@

# Peers ask for frameworks that nothing here needs.
$(VENV)/peers.done: requirements/peers.txt requirements/constraints.txt | $(VENV)/bin/python
	@echo "== installing $< into $(VENV)"
	@$(PIP) --no-deps --requirement $<
	@touch $@

# tf_keras asks for the whole of TensorFlow by name, of which the CPU's build is there.
$(VENV)/legacy.done: requirements/legacy.txt requirements/constraints.txt $(VENV)/tensorflow.done
	@echo "== installing $< into $(VENV)"
	@$(PIP) --no-deps --requirement $<
	@touch $@

$(VENV)/%.done: requirements/%.txt requirements/constraints.txt | $(VENV)/bin/python
	@echo "== installing $< into $(VENV)$(if $(MB_$*),$(COMMA) about $(MB_$*) MB); this can take minutes"
	@$(PIP) --requirement $<
	@touch $@

$(VENV)/bin/python:
	@echo "== creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kerasemble needs Python 3.11 or newer: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
