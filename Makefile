# Every command of the house. `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSOLE := clients/console
PROTOS := $(shell find protos -name '*.proto')
CONSOLE_SOURCES := $(shell find $(CONSOLE) -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print)
# Byte code is written once, at set-up; without it every process would compile what it imports, at every start.
unexport PYTHONDONTWRITEBYTECODE
# The supervisor keeps as little of what it has freed as its children do (see deploy/stack.py).
export MALLOC_ARENA_MAX := 2
export ARROW_DEFAULT_MEMORY_POOL := system
APPS := $(patsubst %,services.%.app,ingest twin profile forecast recommend) gateway.app demo.wecom.app deploy.local
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test token check lint types peers fmt protos lock openapi kinds fuzz bench-ingest bench-twin figures canary clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready $(CONSOLE)/dist/.ready ## Install everything from the locks and build the console

$(VENV)/.ready: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Marketwin needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@echo "installing Python packages"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import sys, importlib; [importlib.import_module(name) for name in sys.argv[1:]]' $(APPS)
	@touch $@

$(CONSOLE)/dist/.ready: $(CONSOLE_SOURCES)
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || { echo "Marketwin needs Node.js 20 or later" >&2; exit 1; }
	@echo "building the console"
	@cd $(CONSOLE) && npm ci --silent --no-audit --no-fund && npm run --silent build
	@touch $@

run: setup ## Run everything on this machine with the real market pack
	@exec $(BIN)/python -m deploy.local $(ARGS)

token: $(VENV)/.ready ## Print a bearer token for the running stack
	@exec $(BIN)/python -m deploy.token $(ARGS)

test: check peers ## Check and test everything on real servers
	cd $(CONSOLE) && npm test --silent
	$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile --no-loadscope-reorder --ignore tests/e2e)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/e2e)

check: setup lint types ## Lint, type check, import rules, contracts

lint: $(VENV)/.ready
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint

types: $(VENV)/.ready
	$(BIN)/mypy

peers: $(VENV)/.ready ## Install Chromium and an MQTT broker for the tests where this machine allows it
	@$(BIN)/python -m deploy.debian

fmt: $(VENV)/.ready ## Format the Python code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

protos: $(VENV)/.ready ## Generate code from the contracts
	$(BIN)/buf lint
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=protos --mypy_out=quiet:protos \
		--grpc_python_out=protos --mypy_grpc_out=quiet:protos $(sort $(PROTOS))
	@find protos \( -name 'types_pb2_grpc*' -o -name 'events_pb2_grpc*' \) -delete

lock: ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--all-extras pyproject.toml -o requirements.lock
	grep '^uv==' requirements.lock | cut -d' ' -f1 | $(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--no-header --no-annotate --python-version 3.11 - -o requirements-uv.lock

openapi: $(VENV)/.ready ## Write the contracts of REST and of the live stream
	$(BIN)/python -m gateway.web > gateway/openapi.json
	$(BIN)/python -m gateway.asyncapi > gateway/asyncapi.json

kinds: $(VENV)/.ready ## Write the schemas of the record kinds to their baseline, if nobody is hurt
	$(BIN)/python -c "from services.ingest.sources.kind_baseline import write_baseline; write_baseline()"
	$(BIN)/python -m deploy.kind_columns

fuzz: setup ## Break bodies and requests for longer than the tests do (TIMES=50)
	FUZZ=$(or $(TIMES),50) $(BIN)/python -m pytest tests/fuzz tests/e2e/test_strange_requests.py $(ARGS)

figures: $(VENV)/.ready ## Time a clean clone to its summary, a warm start, and weigh what runs
	@exec $(BIN)/python bench/first_run.py $(ARGS)

canary: $(VENV)/.ready ## Send a million known numbers through the door and search every byte for them
	@exec $(BIN)/python -m tests.ingest.canary $(ARGS)

bench-ingest: $(VENV)/.ready ## Measure the front door beside COPY and three peers, one table, 6 minutes (ARGS="--booked 20000 ...")
	@exec $(BIN)/python -m bench.ingest $(ARGS)

bench-twin: $(VENV)/.ready ## Measure twins beside four peers, one table, 6 minutes (ARGS="--twins 20000 ...")
	@exec $(BIN)/python -m bench.twin $(ARGS)

clean: ## Remove what a run keeps: data, logs, models (not the installation)
	rm -rf .marketwin
