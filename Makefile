# Everything here needs a Python of 3.11 or later and make; the rest is installed into .venv.
# One environment serves all targets: the tools of `dev` contain what the demo needs, and a reader who has run
# `make demo` can go on to `make test` without a second installation.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# `make PINS= demo` installs the newest releases in place of the pinned ones.
PINS := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check lab pins clean

help:
	@echo "make demo    execute notebooks/quickstart.ipynb, show its executions, write a report"
	@echo "make test    run every test, those in Chromium included"
	@echo "make check   lint, types, layers and the quick tests, in less than two minutes"
	@echo "make lab     open JupyterLab on notebooks/quickstart.ipynb"
	@echo "make pins    write constraints.txt from what .venv holds"
	@echo "make clean   remove .venv, build/ and the caches"

$(STAMP): pyproject.toml tools/venv.sh $(PINS)
	@tools/venv.sh $(VENV) $(PINS)
	@touch $@

demo: $(STAMP)
	@$(BIN)/python tools/demo.py

# A browser that cannot be found is no reason to skip: its tests then fail and say how to install it.
# --dist loadgroup keeps the browser's tests, one group, in one process.
test: $(STAMP)
	@CHROMIUM="$$(tools/browser.sh $(BIN)/python)" && export CHROMIUM || unset CHROMIUM; \
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(STAMP)
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n 2 -m "not slow and not browser"

lab: $(STAMP)
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/quickstart.ipynb

pins: $(STAMP)
	@$(BIN)/python -m pip list --format=freeze --exclude-editable --exclude asw_nb --exclude pip --exclude setuptools > build.pins
	@mv build.pins constraints.txt

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find asw_nb tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
