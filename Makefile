# make demo      the daemon with sample photographs in its inbox, in out/
# make test      the test suite
# make coverage  which lines and branches of the daemon and of the pure pipeline the tests miss
# make mutants   how many faults, seeded into the spool and its kin, the tests catch; MODULE=daemon/inbox/stability.py for one of them
# make lint      style, types, import contracts, shell scripts
# make deb       a Debian package, in dist/
# make bench     where the time goes, as tables
# make lock      requirements.lock and torchserve/requirements.lock anew, with the newest versions that pyproject.toml allows
# make lowest    unit and property tests with the lowest versions that pyproject.toml allows
# make newest    the same with the newest releases, and which of them breaks what
# Each sets up what it needs: system libraries, the virtual environment in .venv/, the dependencies of requirements.lock. `make demo` installs
# doodled alone, the others its development tools, too.

SHELL := /bin/bash
VENV := .venv
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: demo test coverage mutants lint lint-style lint-types lint-imports lint-scripts bench deb lock lowest newest clean
.DEFAULT_GOAL := demo

$(READY): pyproject.toml requirements.lock .ci/setup
	@.ci/setup $(VENV)
	@touch $@

$(READY_DEV): pyproject.toml requirements.lock .ci/setup
	@.ci/setup --dev $(VENV)
	@touch $(READY) $@

demo: $(READY)
	@etc/demo $(VENV)/bin/doodled out

test: $(READY_DEV)
	$(VENV)/bin/python -m pytest -n 2 $(PYTEST_ARGS)

# Left out are the tests that count or record a daemon's system calls, which would see those of the measuring, too.
coverage: $(READY_DEV)
	$(VENV)/bin/python -m pytest tests/unit tests/property tests/fault --cov --cov-report= \
	  --ignore tests/fault/test_kill_anywhere.py --ignore tests/fault/test_power_loss.py $(PYTEST_ARGS)
	$(VENV)/bin/python -m coverage report --fail-under=95

mutants: $(READY_DEV)
	$(VENV)/bin/python tests/benchmarks/mutants.py $(MODULE)

lint: lint-style lint-types lint-imports lint-scripts

lint-style: $(READY_DEV)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

lint-types: $(READY_DEV)
	$(VENV)/bin/mypy

lint-imports: $(READY_DEV)
	$(VENV)/bin/lint-imports

# Scripts are known by their first line.
lint-scripts:
	@if command -v shellcheck >/dev/null; then \
	  git grep -nE '^#!.*[ /](ba|da)?sh$$' | sed -n 's/:1:#!.*//p' | xargs -r -t shellcheck; \
	else echo 'shellcheck is not installed: shell scripts were not looked at'; fi

bench: $(READY_DEV)
	$(VENV)/bin/python tests/benchmarks/animation.py

deb:
	@etc/debian/build dist

UV := $(VENV)/bin/uv
$(UV): $(READY_DEV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check -c requirements.lock --group lock

lock: $(UV)
	@.ci/lock $(VENV)

lowest newest: $(UV)
	PYTHONPATH=. $(VENV)/bin/python .ci/try_versions.py $@ $(VENV)

clean:
	rm -rf $(VENV) out build dist
