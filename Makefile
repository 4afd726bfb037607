# What one does with this project. `make` alone lists it. Everything is set up on the way and nothing twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PYTHON := $(VENV)/bin/python
LOCAL := $(PYTHON) -m local_cluster

STATE := $(or $(PRONOTE_STATE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pronote-local-cluster)

# pytest options for the test targets, for example: make test PYTEST="-k restore -x"
PYTEST ?=

# Tests that start all that they need themselves, beside unit tests: a file of them can run beside another.
ALONE := tests/conformance tests/net tests/plugin tests/volumes

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: demo
demo: venv ## From nothing to a school in service, with a Client logged in
	@$(PYTHON) -m local_cluster.demo

.PHONY: cluster
cluster: venv ## Start a Kubernetes on this machine and print the KUBECONFIG to export
	@$(LOCAL) up

.PHONY: images
images: venv ## Build the images without Docker and load them into the local cluster, when it is up
	@$(LOCAL) images
	@if $(LOCAL) status --instance real >/dev/null 2>&1; then $(LOCAL) load-image operator server; fi

.PHONY: test
test: lint test-programs up ## Everything: checks, and all tests, on a real cluster too
	@# On every core what needs no cluster; side by side files that bear others on the cluster; one by one what measures,
	@# or shares an API server. An exit code of 5 (no test chosen) is fine where a part of the tests was asked for.
	@failed=0; \
	run() { $(PYTHON) -m pytest -q --durations=20 "$$@" $(PYTEST) || [ "$$?/$(if $(PYTEST),part)" = 5/part ] || failed=1; }; \
	run --numprocesses auto tests/unit; \
	run --numprocesses auto --dist loadfile $(ALONE); \
	run --numprocesses auto --maxprocesses 4 --dist loadfile tests/cluster -m beside; \
	run tests --ignore tests/unit $(addprefix --ignore ,$(ALONE)) -m "not beside"; \
	exit $$failed

.PHONY: borg
borg: # the command that snapshots are kept with; tests and the bench run the real one
	@command -v borg >/dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends borgbackup >/dev/null; }

.PHONY: test-unit
test-unit: venv ## Tests without any cluster, in about a minute
	@$(PYTHON) -m pytest -q --numprocesses auto tests/unit $(PYTEST)

.PHONY: test-volumes
test-volumes: venv borg ## Tests on volumes and real repositories, killed at every step; no cluster
	@$(PYTHON) -m pytest -q --numprocesses auto --dist loadfile tests/volumes $(PYTEST)

.PHONY: test-api
test-api: venv ## Tests against a bare API server, of the chart, and of the alerts
	@$(LOCAL) build
	@$(PYTHON) -m pytest -q tests/api tests/chart tests/alerts $(PYTEST)

.PHONY: test-programs
test-programs: venv # Traefik, Prometheus, Chromium: only tests need them
	@$(LOCAL) build --with traefik prometheus browser

.PHONY: test-net
test-net: venv test-programs ## Tests of the Espaces, with real clients and a browser; no cluster
	@$(PYTHON) -m pytest -q --numprocesses auto --dist loadfile tests/net $(PYTEST)

.PHONY: test-cluster
test-cluster: test-programs up ## Tests on a real cluster only
	@$(PYTHON) -m pytest -q tests/cluster $(PYTEST)

.PHONY: up
up: venv
	@$(LOCAL) build
	@$(LOCAL) up
	@$(LOCAL) load-image operator server

.PHONY: bench
bench: venv borg ## Measure the operator with a thousand bases on fake nodes
	@$(LOCAL) build
	@$(PYTHON) -m bench

.PHONY: lint
lint: venv ## Style, types and layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

.PHONY: generate
generate: venv ## Write what is generated: CRDs, references, the rendered chart
	@$(LOCAL) build
	@$(PYTHON) -m pronote_operator.api.crd --write crds --docs docs/reference/api.md
	@$(PYTHON) -m pronote_operator.settings_reference docs/reference/settings.md
	@$(PYTHON) charts/render.py --write

.PHONY: venv
venv: $(VENV)/.complete ## The Python environment, with hash-locked libraries

$(VENV)/.complete: requirements/dev.txt pyproject.toml local-cluster/bootstrap
	@local-cluster/bootstrap $(VENV)

.PHONY: clean
clean: ## Stop and remove all that was started (compiled programs stay)
	@if [ -e "$(STATE)" ]; then local-cluster/bootstrap $(VENV) && $(LOCAL) down --kind; fi

.PHONY: distclean
distclean: clean ## Remove the compiled programs, the images and the Python environment too
	@rm -rf $(VENV) "$(STATE)"
