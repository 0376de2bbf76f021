# Two commands on a fresh machine with Python >= 3.11, git and make: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
# The real images, where they lie beside the project; otherwise the user's data directory, otherwise phantoms.
ifneq ($(wildcard ../shared/data/barcelona),)
export LEUKOBENCH_DATA ?= $(abspath ../shared/data)
endif
# Drawn images show that all goes through; a larger budget would not make their figures say more.
BUDGET ?= $(if $(LEUKOBENCH_DATA),quick,tiny)

# The release file of the model that `predict` takes where none is named; about ten minutes of one core, twenty without bfloat16.
SOURCES ?= barcelona,munich,raabin,cvb,jiangxi

.PHONY: run test soak model lint docs clean

run: $(STAMP)
	$(VENV)/bin/leukobench run --suite cross-dataset --budget $(BUDGET)

# Each core takes tests from the other's end when it has none left, so that fixtures of a file are mostly made once.
test: $(STAMP)
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

# The long part of tests/soak: twenty killed runs, full disks, a cluster. Writes its figures under results/soak.
soak: $(STAMP)
	SOAK_RESULTS=results/soak $(VENV)/bin/python -m pytest tests/soak -m "soak or not soak"

model: $(STAMP)
	mkdir -p build
	$(VENV)/bin/leukobench predict --train $(SOURCES) --save build/default.zip

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/numpydoc lint $$(git ls-files 'leukobench/*.py')

# The site, into build/site; a warning is an error.
docs: $(STAMP)
	$(VENV)/bin/mkdocs build --quiet

$(STAMP): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 --constraint constraints.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[deep,gpu-cuda12,cluster,report,test,docs,dev]' --constraint constraints.txt
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
