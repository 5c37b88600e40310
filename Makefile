# make book   build the book          PROFILE=smoke|lecture|paper (default paper)
# make test   show that it is sound
# make bench  time the training engine beside its peers, and every promise in seconds
# make course  make the course: folders and zips for students and teacher, slides, graded assignments
# make links   ask every other site the book links to whether the page is still there
# make rerun   compute every published table of simulated wells on this machine, and say whether each estimate agrees
# make publish  write the tables of the last paper-size run to results/, where git keeps them, with what made them

PROFILE ?= paper
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONUTF8 = 1
# Modules are compiled when first imported: most of what is installed never is. What builds import is imported once by
# the installation, in two processes, or the many processes of the first build would each compile it for themselves.
unexport PYTHONDONTWRITEBYTECODE
COMPUTING := torch sklearn.gaussian_process scipy.stats scipy.integrate fewerwells.running.sample ipykernel.kernelapp
RENDERING := jupyter_book.cli.main myst_nb sphinx.builders.html sqlalchemy.orm ipywidgets papermill fewerwells.book.build
# four processes keep two cores busy: tests wait for kernels, browsers and clusters
SIDE_BY_SIDE := --numprocesses 4 --dist loadgroup --no-loadscope-reorder
# together they have more threads than there are cores: who waits for another thread sleeps instead of keeping a core
SLEEPY := OMP_WAIT_POLICY=passive OPENBLAS_THREAD_TIMEOUT=8

.PHONY: book test course links bench rerun publish clean

book: $(READY)
	@$(BIN)/fewerwells book --profile $(PROFILE)

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(SLEEPY) $(BIN)/python -m pytest $(SIDE_BY_SIDE) tests --nbmake --nbmake-timeout=600 notebooks book

course: $(READY)
	@$(BIN)/fewerwells course build

links: $(READY)
	$(BIN)/fewerwells book --profile smoke --output _build/smoke
	$(BIN)/jupyter-book build _build/source/smoke --path-output _build/links --builder linkcheck

bench: $(READY)
	$(BIN)/python -m pip install --quiet --requirement benchmarks/requirements.txt
	$(BIN)/python benchmarks/engines.py
	$(BIN)/python benchmarks/promises.py

rerun: $(READY)
	$(BIN)/fewerwells rerun

publish: $(READY)
	$(BIN)/fewerwells publish

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 15) else f"Python {v[0]}.{v[1]} was found; 3.11 to 3.14 is needed. Name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.txt
	@for names in "$(COMPUTING)" "$(RENDERING)"; do \
	  $(BIN)/python -c 'import importlib, sys; [*map(importlib.import_module, sys.argv[1:])]' $$names & \
	done; wait
	@touch $(READY)

clean:
	rm -rf _build results/runs
