# make demo   animations of a sample character, in out/
# make test   the test suite
# make lint   style, types, import contracts
# make bench  where the time goes, as tables
# Each sets up what it needs: system libraries, the virtual environment in .venv/, dependencies.

SHELL := /bin/bash
VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test lint bench clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml .ci/setup
	@.ci/setup $(VENV)
	@touch $@

demo: $(READY)
	@etc/demo $(VENV)/bin/doodled out

test: $(READY)
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY)
	$(VENV)/bin/python tests/benchmarks/animation.py

clean:
	rm -rf $(VENV) out build dist
