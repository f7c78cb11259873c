# Every target makes what it needs by itself: a Python 3.9 or newer is all that must be there.
# The work is done in development/; this file only names it.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python3.9; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$python && break; done)
ENVIRONMENT = $(or $(PYTHON),$(error No Python 3.9 or newer found: install python3)) -m development.environment --profile
DEV = $(ENVIRONMENT) dev
STAGES = $(DEV) python -m development.stages

.DEFAULT_GOAL := help
.PHONY: help demo runner link test check lint unit integration kills days faults sanity bench build molecule clean

help: ## say what each target does
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-13s %s\n", $$1, $$2 }'

demo: ## run the five steps over a small institution on this machine (two minutes, no root)
	@$(ENVIRONMENT) demo python -m development.demo

runner: ## run the daily playbook over runner.example with ansible-runner, as continuous integration does
	@$(DEV) python runner.example/run.py prepare.yml infitulua.backup.daily

link: ## let runner.example, with an ansible-runner of your own, find the collection in this checkout
	@$(PYTHON) -c 'from development import environment; environment.link_collection()'

test: ## everything: system packages, check, build, sanity, integration, two of molecule's scenarios, demo
	@$(STAGES) test

check: ## linters and unit tests (three minutes)
	@$(STAGES) check

lint: ## linters only
	@$(STAGES) lint

unit: ## unit tests only
	@$(STAGES) unit

integration: ## tests against real databases, an object store and an SSH server on this machine
	@$(STAGES) packages integration

kills: ## every shipped playbook, uploads and prunings killed at random moments, and the next run looked at; KILLS=4: playbooks four times each
	@$(STAGES) packages kills

days: ## 400 days of the daily run by a simulated clock, in three time zones (half an hour); DAYS=800: as many
	@$(STAGES) packages days

faults: ## a system call fails in each module, twenty times each; FAULTS=all: every call that there is (hours)
	@$(STAGES) packages faults

sanity: ## ansible-test sanity on the oldest and the newest supported core, units on the oldest Python
	@$(STAGES) sanity

bench: ## dump, restore and verify measured against the raw tools
	@$(DEV) python -m bench.postgresql
	@$(DEV) python -m bench.mariadb
	@$(DEV) python -m bench.sqlite
	@$(DEV) python -m bench.retention

build: ## build the artifact, look into it, install it offline and try it
	@$(STAGES) build

molecule: ## the shipped playbooks on hosts made for the purpose: all scenarios, side by side
	@$(STAGES) molecule

clean: ## remove everything that the other targets made
	rm -rf .build .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .ansible .coverage htmlcov
