# SPDX-License-Identifier: Apache-2.0
# A short front for Meson. `make run` and `make test` do all the set-up by themselves.
MAKEFLAGS += --no-print-directory
BUILD := build/release
# ARGS is handed on: make run ARGS=--auto
ARGS ?=

.PHONY: help run check test bench soak sim-bugs valgrind coverage interop install clean build
help:
	@echo "make run      install what is missing, build, start gateway, sandbox and demo shop, take a first order"
	@echo "make test     install what tests need, run everything that must be green"
	@echo "make check    the quick part: build, unit, vectors, flow, tidy"
	@echo "make interop  the platform's SDKs (Node, Go, Java, Python) against the sandbox; writes doc/CONFORMANCE.md"
	@echo "make bench    figures beside the physical limits of this machine"
	@echo "make soak     simulated years, a million mutated messages, kills by lot, hours of fuzzing, valgrind"
	@echo "make sim-bugs plant seventeen bugs, see each one found by the simulator"
	@echo "make coverage branches that the tests take, by directory"
	@echo "make install  library, headers, program, manual (PREFIX=/usr/local, DESTDIR=)"
	@echo "make clean    remove everything that was built"

PREFIX ?= /usr/local

build:
	@tools/setup.sh run
	@tools/build.sh $(BUILD) --buildtype=release -Dtests=false

run: build
	@python3 tools/run.py --till $(BUILD)/cli/till $(ARGS)

check:
	@tools/setup.sh test
	@python3 tests/run.py check $(ARGS)

test:
	@tools/setup.sh test
	@python3 tests/run.py test $(ARGS)

interop:
	@tools/setup.sh interop
	@TILL_CONFORMANCE=write python3 tests/run.py interop $(ARGS)

bench: build
	@python3 tests/bench/run.py $(ARGS)

soak:
	@tools/setup.sh soak
	@python3 tests/run.py soak $(ARGS)

sim-bugs:
	@tools/setup.sh test
	@python3 tests/run.py sim-bugs $(ARGS)

valgrind:
	@tools/setup.sh soak
	@python3 tests/run.py soak valgrind $(ARGS)

coverage:
	@tools/setup.sh soak
	@python3 tests/run.py coverage $(ARGS)

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX) >/dev/null
	@meson install -C $(BUILD) --quiet $(if $(DESTDIR),--destdir $(DESTDIR))
	@echo "till is installed under $(DESTDIR)$(PREFIX). Try: till --help"

clean:
	@rm -rf build run
	@echo "Everything that was built is gone. Try: make run"
