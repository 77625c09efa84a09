# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := checkpoints/demo
PEERS := .venv-peers

.PHONY: help setup demo test lint format clean bench-quality bench-factorisation bench-epoch bench-claims bench-gifts bench-bundles bench-retrieval bench-sequences bench-serving
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed 's/:.*## /\t/' | expand -t 20

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] < (3, 14), "Python 3.11 to 3.13 is needed (PYTHON=...)"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,cpu,serve,dev]'
	touch $@

setup: $(VENV)/.ready ## make .venv with all that demo and test need

demo: setup ## films and gifts: train, compare, test and recommend on generated data
	rm -rf $(DEMO)
	$(BIN)/cinesync data describe
	$(BIN)/cinesync train popularity --out $(DEMO)/popularity
	$(BIN)/cinesync train ease --out $(DEMO)/ease
	$(BIN)/cinesync train two-tower --out $(DEMO)/two-tower
	$(BIN)/cinesync compare $(DEMO)/two-tower $(DEMO)/popularity
	$(BIN)/cinesync compare $(DEMO)/two-tower $(DEMO)/ease
	$(BIN)/cinesync recommend $(DEMO)/two-tower --user 1 --k 5
	$(BIN)/cinesync recommend $(DEMO)/two-tower --history 10,20,30 --k 5
	$(BIN)/cinesync export $(DEMO)/two-tower --out $(DEMO)/bundle
	$(BIN)/cinesync recommend $(DEMO)/bundle --history 10,20,30 --diversity 0.3 --k 5
	$(BIN)/giftrec train --out $(DEMO)/gifts
	$(BIN)/giftrec test-best $(DEMO)/gifts --fresh 500
	$(BIN)/giftrec recommend --run $(DEMO)/gifts --catalog $(DEMO)/shop --age 62 --relationship mother --occasion birthday --budget 60EUR --hobby gardening --hobby reading --preference handmade
	@echo "the gift page, at http://127.0.0.1:8000: $(BIN)/giftrec serve --catalogue $(DEMO)/shop"
	@echo "reports: $(DEMO)/two-tower/report.html, $(DEMO)/gifts/report.html, $(DEMO)/gifts/test.html"

test: setup ## run every test
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## let ruff format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(PEERS)/%/.ready: benchmarks/peers/%.txt
	$(PYTHON) -m venv $(PEERS)/$*
	$(PEERS)/$*/bin/python -m pip install --quiet -r $<
	touch $@

bench-factorisation: setup $(PEERS)/factorisation/.ready ## iALS against implicit, biased MF against cornac
	$(BIN)/python -m benchmarks.ials_vs_implicit --peer-python $(PEERS)/factorisation/bin/python
	$(BIN)/python -m benchmarks.biased_mf_vs_cornac --peer-python $(PEERS)/factorisation/bin/python
	$(BIN)/python -m benchmarks.write_results

bench-epoch: setup $(PEERS)/recbole/.ready ## an epoch of implicit MF against RecBole's
	$(BIN)/python -m benchmarks.epoch_vs_recbole --peer-python $(PEERS)/recbole/bin/python
	$(BIN)/python -m benchmarks.write_results

bench-quality: setup ## the honest table
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.write_results

bench-claims: setup ## what is said of training tricks, measured
	$(BIN)/python -m benchmarks.claims
	$(BIN)/python -m benchmarks.write_results

bench-gifts: setup ## the gift model and agent: scenarios, ablations, value of tools, feedback
	$(BIN)/python -m benchmarks.gifts
	$(BIN)/python -m benchmarks.gift_value
	$(BIN)/python -m benchmarks.gift_who_for
	$(BIN)/python -m benchmarks.gift_feedback
	$(BIN)/python -m benchmarks.write_results

bench-sequences: setup $(PEERS)/rectools/.ready $(PEERS)/recbole/.ready ## SASRec beside RecTools, RecBole and plain torch
	$(BIN)/python -m benchmarks.sequences epoch --rectools $(PEERS)/rectools/bin/python --recbole $(PEERS)/recbole/bin/python
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality --only bert
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality --only amazon
	$(BIN)/python -m benchmarks.sequences race --rectools $(PEERS)/rectools/bin/python
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.sequences inference
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.claims --only sequence
	$(BIN)/python -m benchmarks.sequences picture
	$(BIN)/python -m benchmarks.write_results

bench-bundles: setup ## every model as a bundle: parity, latency, quantised, a million answers
	$(BIN)/python -m benchmarks.bundles
	$(BIN)/python -m benchmarks.write_results

bench-retrieval: setup ## indexes over a million vectors: recall, speed, build, appends
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.retrieval
	$(BIN)/python -m benchmarks.write_results

bench-serving: setup ## the server under load: latency, swaps, overload, Redis killed
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m benchmarks.gift_serving
	$(BIN)/python -m benchmarks.write_results

clean: ## remove what make made, but no runs
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
