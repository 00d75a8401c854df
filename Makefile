# The two commands of the README; everything else is manage.py.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint setup setup-dev

run: setup
	@exec $(BIN)/python -m hospital_management.run --under-make

test: setup-dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/djlint --lint --quiet templates
	@$(BIN)/lint-imports
	@SECRET_KEY=only-to-read-the-models DEBUG=1 $(BIN)/mypy
	@DATA_DIR=.data/lint $(BIN)/python manage.py makemigrations --check --dry-run
	@SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))')" DEBUG=0 \
	  HTTPS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

# The stamps are written last, so an install that was cut off is done again.
$(VENV)/.installed: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned requirements (first start only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
