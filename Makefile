# Two commands matter: `make run` and `make test`. Everything made lives in .venv and $(OPETENCE_HOME).
SHELL := /bin/bash
PYTHON ?= python3.11
export OPETENCE_HOME ?= $(CURDIR)/.opetence
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# A container often forbids it; compiling our modules anew costs each of the many processes a quarter of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run ui webhooks tick test lint bench lock clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: .venv/ready ## the whole path on real data: sandbox, bronze, silver, gold, checks, release, backup
	@opetence run

ui: .venv/ready ## Dagster on http://127.0.0.1:3000 with sensors running
	@opetence ui

webhooks: .venv/ready ## receive Stripe's events on http://127.0.0.1:3001/stripe
	@opetence webhooks

tick: .venv/ready ## make the shop's next day happen
	@opetence sandbox tick

# Node's young objects get 64 MB: in most runs pyright takes 5 to 12 % less CPU.
test: .venv/ready ## lint, types and every test
	@ruff check . && ruff format --check .
	@NODE_OPTIONS=--max-semi-space-size=64 pyright & types=$$!; sqlfluff lint --disable-progress-bar -q dbt/models & sql=$$!; \
	  pytest -n 4 --dist loadfile --no-loadscope-reorder --durations 15; tests=$$?; wait $$types && wait $$sql && exit $$tests

lint: .venv/ready ## format and fix what can be fixed
	@ruff format . && ruff check --fix .

bench: .venv/ready ## measure every claim; rewrites benchmarks/RESULTS.md
	@python -m benchmarks --write

lock: ## resolve requirements.lock anew from setup.py
	uv pip compile setup.py --extra dev --no-strip-extras --generate-hashes --python-version 3.11 --universal --quiet -o requirements.lock

clean: ## stop the sandbox, remove $(OPETENCE_HOME) and .venv
	@if [ -x .venv/bin/opetence ]; then opetence sandbox down; fi
	@rm -rf "$(OPETENCE_HOME)" .venv

# uv, itself pinned by hash in the lock, installs in a tenth of pip's time; pip is the way out behind a private index.
# Bytecode is compiled once here: 20 s that every later command saves (a repeated run: 12 s without, 8 s with).
.venv/ready: requirements.lock setup.py
	@echo "Installing into .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@awk '/^uv==/{found=1} found{print} found && /# via/{exit}' requirements.lock > .venv/uv.txt
	@pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@uv pip install --quiet --system-certs --compile-bytecode --require-hashes -r requirements.lock || pip install --quiet --require-hashes -r requirements.lock
	@uv pip install --quiet --system-certs --no-deps --no-build-isolation -e . || pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
