# Everything this project does, from a machine that has only Python 3.13, Node 20 or newer, make and git.
# Each target installs what it needs; a second run finds it there. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
UV_INSTALLED := .tools/uv-$(UV_VERSION).installed
BIN := .venv/bin
CDK := node_modules/.bin/cdk

# The first Python 3.13 of those on the path. A pyenv shim counts when .python-version chooses one for it.
PYTHON = $(shell for python in python3.13 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && command -v "$$python" && break; done)
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT_INSTALL = $(AS_ROOT) apt-get update -qq && \
	$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

BROWSER = { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# uv takes the Python that is here rather than fetch one; CDK and jsii say nothing that is not about us.
export UV_PYTHON_DOWNLOADS := never
export CDK_DISABLE_CLI_TELEMETRY := true
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.synced node_modules/.synced ## run the service here, at http://localhost:8000 (PORT=… for another)
	@exec $(BIN)/python -m infra.local

.PHONY: advance
advance: .venv/.synced ## move the local clock on and do what has become due: make advance BY=P1D
	@test -n "$(BY)" || { echo 'Say by how much, as an ISO 8601 duration: make advance BY=P1D'; exit 2; }
	@exec $(BIN)/python -m infra.local advance "$(BY)"

.PHONY: test
test: .venv/.synced node_modules/.synced .tools/chromium ## run all tests, in a real browser too (ARGS=… for pytest)
	$(BIN)/pytest $(ARGS)

.PHONY: check
check: .venv/.synced node_modules/.synced ## everything CI checks beside the tests: style, types, imports, templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYTHONPATH=functions $(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m infra.openapi --check
	for stage in local dev prod; do $(CDK) synth --quiet -c stage=$$stage --output cdk.out/$$stage; done
	$(BIN)/cfn-lint 'cdk.out/*/*.template.json'

.PHONY: format
format: .venv/.synced ## put the code into its one style
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.PHONY: openapi
openapi: .venv/.synced ## write the OpenAPI document anew after a change of the API
	$(BIN)/python -m infra.openapi

.PHONY: bench
bench: .venv/.synced node_modules/.synced ## what a request costs, against the floor and in DynamoDB's units (ARGS=--help)
	@PYTHONPATH=functions $(BIN)/python -m tests.bench $(ARGS)

.PHONY: build
build: .venv/.synced node_modules/.synced ## build what goes into Lambda
	$(BIN)/python -m infra.bundle aarch64 $$(uname -m)

.PHONY: deploy
deploy: .venv/.synced node_modules/.synced ## deploy to the AWS account of your credentials: make deploy STAGE=dev|prod
	@$(BIN)/python -m infra.settings "$(STAGE)"
	@if [ "$(STAGE)" = prod ] && [ "$(CONFIRM)" != prod ]; then \
		read -r -p 'This changes what people use. Type prod to go on: ' answer && [ "$$answer" = prod ]; fi
	$(CDK) deploy --all -c stage=$(STAGE) $(CONTEXT) --output cdk.out/deploy-$(STAGE)

.PHONY: clean
clean: ## forget what was built, and everything the local service remembers
	@test ! -x $(BIN)/python || test ! -e infra/local/__main__.py || $(BIN)/python -m infra.local forget
	rm -rf .local build cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find functions infra tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# ---- what the targets stand on -------------------------------------------------------------------------------

# Debian keeps venv in a package of its own; where that cannot be had, pip alone is enough for uv.
$(UV_INSTALLED):
	@test -n "$(PYTHON)" || { echo 'No Python 3.13 found (python3.13, python3, python). Install it and try again.'; exit 1; }
	@rm -rf .tools/uv && mkdir -p .tools
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(APT_INSTALL) python3.13-venv || $(APT_INSTALL) python3-venv || true; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		$(PYTHON) -m venv .tools/uv && .tools/uv/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION); \
	else \
		$(PYTHON) -m pip install -q --disable-pip-version-check --target .tools/uv uv==$(UV_VERSION); \
	fi
	@touch $@

.venv/.synced: $(UV_INSTALLED) pyproject.toml uv.lock
	@$(UV) sync --quiet --locked --all-groups --python $(PYTHON)
	@touch $@

node_modules/.synced: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

# Tests drive a browser of the system: the one there is, else Debian's.
.tools/chromium:
	@mkdir -p .tools
	@$(BROWSER) >/dev/null || { $(APT_INSTALL) chromium fonts-dejavu-core; } >/dev/null
	@$(BROWSER) > $@
