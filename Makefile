PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PARTS := jobs operator worker dashboard cli

.DEFAULT_GOAL := help
.PHONY: help run test fuzz soak test-llama test-lowest e2e cluster-up cluster-down lint fmt lock lock-peers bench bench-operator bench-cold-start bench-page bench-compare screenshots clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.local ## Start everything on this machine: Redis, worker, page; ends with a prompt answered
	$(BIN)/greenscale local --try "Hello, GreenScale"

test: lint .venv/.browser ## Lint, type-check and test everything
	tests/run

fuzz: .venv/.dev ## Push 100 000 odd inputs, and damage every field of every record (about ten minutes; INPUTS=..., SEED=...)
	GREENSCALE_TEST_INPUTS=$${INPUTS:-100000} GREENSCALE_TEST_SEED=$${SEED:-5} $(BIN)/pytest tests/fuzz

soak: .venv/.dev ## Load the queue while workers, Redis and the engine fail (twice 15 minutes; MINUTES=60, SEED=...)
	GREENSCALE_TEST_SOAK_MINUTES=$${MINUTES:-15} GREENSCALE_TEST_SEED=$${SEED:-5} $(BIN)/pytest tests/soak

test-llama: .venv/.llama ## Try the engine against a real llama.cpp server (builds it, once: about ten minutes)
	$(BIN)/pytest tests/llama

test-lowest: ## Run each part's unit tests with the lowest versions that it allows (needs uv; up to half an hour)
	tests/lowest

e2e: .venv/.dev cluster-up ## Test everything on a real cluster (the first time: 22 minutes to build Kubernetes)
	tests/e2e/run

cluster-up: ## Start a real Kubernetes with KEDA, and install GreenScale there
	tests/e2e/install

cluster-down: ## Stop that cluster
	tests/e2e/cluster/down

lint: .venv/.dev ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(foreach part,$(PARTS),-p greenscale_$(part))
	MYPYPATH=. $(BIN)/mypy --explicit-package-bases tests bench
	$(BIN)/lint-imports

fmt: .venv/.dev ## Format, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev ## Measure against floors and the surviving peers (ten minutes; `python -m bench --full` has everyone)
	$(BIN)/python -m bench

bench-operator: .venv/.dev ## Measure what the operator asks for with 1000 workloads (five minutes; builds kube-apiserver the first time)
	tests/e2e/cluster/build control-plane
	$(BIN)/python -m bench.operator_load

bench-cold-start: .venv/.dev cluster-up ## Measure starts from zero on the real cluster, stage by stage (about ten minutes)
	KUBECONFIG=$${KUBECONFIG:-$$(tests/e2e/cluster/up)} $(BIN)/python -m bench.cold_start

bench-page: .venv/.browser ## Measure how soon the page shows something, and what ten open pages cost (seven minutes)
	$(BIN)/python -m bench.page_load

bench-compare: .venv/.browser ## Do five tasks with GreenScale, Flower and RQ's dashboard (12 minutes; with KUBECONFIG by hand too: 22)
	$(BIN)/python -m bench.compare

screenshots: .venv/.browser ## Take the picture in docs/images again, from a real run
	$(BIN)/python docs/images/take.py

lock: ## Renew the locked requirements (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra local --group build pyproject.toml -o requirements/local.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra local --extra operator --group build --group dev -c requirements/local.txt pyproject.toml -o requirements/dev.txt
	for part in operator worker dashboard; do uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra $$part -c requirements/local.txt pyproject.toml -o requirements/$$part.txt; done

lock-peers: ## Renew what the bench compares with (needs uv); the model clients stay those of the worker
	grep -oE '^(openai|aiohttp|pydantic|httpx2)==[^ ]+' requirements/local.txt > bench/peers/clients.txt
	for peer in bench/peers/*.in bench/compare/*.in; do uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c bench/peers/clients.txt $$peer -o $${peer%.in}.txt; done
	rm bench/peers/clients.txt

clean: ## Remove the virtual environment and what local runs left
	rm -rf .venv .greenscale artifacts

.venv/.local: requirements/local.txt pyproject.toml jobs/greenscale_jobs/version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"GreenScale needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Set PYTHON=python3.12, say.")'
	@echo "Setting up .venv with locked packages (about a minute, once) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes -r requirements/local.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.local requirements/dev.txt
	@echo "Adding what the tests and linters need ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.llama: .venv/.dev requirements/llama.txt
	@echo "Building llama.cpp's server (about ten minutes; pip keeps it in its cache, outside the checkout) ..."
	@$(PIP) install --require-hashes -r requirements/llama.txt
	@touch $@

.venv/.browser: .venv/.dev
	@tests/install-browser
	@touch $@
