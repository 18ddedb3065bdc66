# Two commands: `make run` and `make test`. Both need only Python 3.11 to 3.14 and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.run-ready
READY_DEV := .venv/.dev-ready
CLIENT := .venv/clients/2.1.0

# .venv keeps the Python that it was made by.
SAME = import os, sys; sys.exit(os.path.realpath(sys.executable) != os.path.realpath("$(BIN)/python"))
ifneq ($(origin PYTHON),file)
ifneq ($(shell test -x $(BIN)/python && ! $(PYTHON) -c '$(SAME)' && echo other),)
$(warning .venv was made by another Python than $(PYTHON), and is used as it is: before another, `make clean`)
endif
endif

# Images set it, and then each process of a test run would compile all of us again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-long check lint types contracts format bench chaos lock screenshots wheel clean

run: $(READY)  ## set everything up and serve
	@exec $(BIN)/ours serve

test: $(READY_DEV)  ## set everything up and run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long"

test-long: $(READY_DEV)  ## what takes half a minute, or is a dear variant: the vendor's clients, a rolling restart, more kills, the wheel
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long

check: lint types contracts  ## what CI looks at besides the tests

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY_DEV)
	$(BIN)/mypy

contracts: $(READY_DEV)
	$(BIN)/lint-imports

format: $(READY_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY_DEV)  ## our server, a naive twin and a bare echo, side by side
	$(BIN)/python -m bench

chaos: $(READY_DEV)  ## two minutes of kills under load, on both databases: nothing may be lost
	$(BIN)/python -m tests.chaos

screenshots: $(READY_DEV)  ## every page, light and dark, wide and narrow, into build/pictures; a few into docs/pictures
	$(BIN)/python -m tests.browser.pictures build/pictures
	cp build/pictures/docs/*.png docs/pictures/

lock: $(READY_DEV)  ## resolve the dependencies anew
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes pyproject.toml --group build -o locks/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes pyproject.toml --group dev -o locks/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes --no-deps locks/client-2.1.in -o locks/client-2.1.txt

wheel: $(READY)  ## dist/ours-….whl, which runs anywhere outside this folder
	$(BIN)/python -m hatchling build -t wheel -d dist

clean:
	rm -rf .venv build dist

# pip is what comes last: where somebody pressed Ctrl-C before, or Debian has no python3-venv, it is made again.
$(BIN)/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ours needs Python 3.11 or later; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv

# What of locks/ some Python has no wheel for, pip compiles.
HINT = echo "Ours was tried on Python 3.11 to 3.14. Another may need a compiler: see Which Pythons in docs/deploy.md, or \`make clean\` and take one of these by PYTHON=python3.14." >&2; exit 1

$(READY): $(BIN)/pip locks/run.txt pyproject.toml
	@echo "Installing what locks/run.txt names, which takes a minute or so."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/run.txt || { $(HINT); }
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(READY_DEV): $(BIN)/pip locks/dev.txt locks/client-2.1.txt pyproject.toml
	@echo "Installing what locks/dev.txt names, which takes a minute or so."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/dev.txt || { $(HINT); }
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -rf $(CLIENT)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --target $(CLIENT) -r locks/client-2.1.txt \
		|| echo "The vendor's client 2.1 can't be installed here, so its tests will be skipped."
	@touch $@ $(READY)
