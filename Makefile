# What people type. The real build is CMake's (build/, build-asan/).
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr
SYSCONFDIR ?= /etc
BUILD := build
LIBSSH := $(CURDIR)/$(BUILD)/libssh/install
PROGRAMS := ssh2incus ssh2incus-sessiond ssh2incus-gateway ssh2incus-diagnostics ssh2incus-guest \
	ssh2incus-shell
HELPERS := ssh2incus-sessiond ssh2incus-gateway ssh2incus-diagnostics ssh2incus-guest \
	ssh2incus-shell ssh2incus-tmux
# Instances of the other architecture get a guest too, by the architecture names of Incus.
OTHER_ARCH := $(if $(filter aarch64,$(shell uname -m)),x86_64,aarch64)
CMAKE_COMMON := -G Ninja -DSSH2INCUS_LIBSSH=$(LIBSSH) \
	$(shell command -v ccache >/dev/null && echo '"-DCMAKE_CXX_COMPILER_LAUNCHER=env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache"')

.PHONY: help demo demo-stop tmux build programs other-guest build-asan check bench fuzz lint format \
	install clean deps libssh

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1	\2/p' Makefile | expand -t 14

demo: ## build, run on 127.0.0.1:2222 with an instance to log in to
	@packaging/demo/start

demo-stop: ## remove everything that `make demo` made
	@packaging/demo/stop

build: deps libssh tmux ## install what is needed, build programs and tests (Release)
	@cmake -S . -B $(BUILD) $(CMAKE_COMMON) -DCMAKE_BUILD_TYPE=Release >$(BUILD)/configure.log \
		|| { cat $(BUILD)/configure.log; exit 1; }
	@ninja -C $(BUILD) --quiet
	@$(MAKE) other-guest

programs: deps libssh tmux ## the programs alone: no tests, no guest for the other architecture
	@cmake -S . -B $(BUILD) $(CMAKE_COMMON) -DCMAKE_BUILD_TYPE=Release >$(BUILD)/configure.log \
		|| { cat $(BUILD)/configure.log; exit 1; }
	@ninja -C $(BUILD) --quiet $(PROGRAMS)

other-guest: deps ## the guest for the other of x86_64 and aarch64, in build/bin/
	@packaging/install-build-deps.sh cross
	@cmake -S . -B $(BUILD)/$(OTHER_ARCH) $(CMAKE_COMMON) -DCMAKE_BUILD_TYPE=Release \
		-DSSH2INCUS_GUEST_ONLY=ON -DSSH2INCUS_CROSS=$(OTHER_ARCH) \
		-DCMAKE_TOOLCHAIN_FILE=$(CURDIR)/cmake/cross.cmake >$(BUILD)/configure-guest.log 2>&1 \
		|| { cat $(BUILD)/configure-guest.log; exit 1; }
	@ninja -C $(BUILD)/$(OTHER_ARCH) --quiet ssh2incus-guest
	@mkdir -p $(BUILD)/bin
	@cp -pu $(BUILD)/$(OTHER_ARCH)/bin/ssh2incus-guest $(BUILD)/bin/ssh2incus-guest.$(OTHER_ARCH)

build-asan: deps libssh ## clang: programs and tests with ASan and UBSan, fuzz targets; in build-asan/
	@packaging/install-build-deps.sh check
	@cmake -S . -B build-asan $(CMAKE_COMMON) -DCMAKE_BUILD_TYPE=Debug -DSSH2INCUS_SANITIZE=ON \
		-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
		>$(BUILD)/configure-asan.log || { cat $(BUILD)/configure-asan.log; exit 1; }
	@ninja -C build-asan --quiet

deps:
	@packaging/install-build-deps.sh build
	@mkdir -p $(BUILD)

libssh: $(LIBSSH)/lib/libssh.a
$(LIBSSH)/lib/libssh.a: $(shell find packaging/libssh -type f)
	@mkdir -p $(BUILD)/libssh
	@packaging/libssh/build.sh $(LIBSSH) >$(BUILD)/libssh/build.log 2>&1 \
		|| { tail -n 40 $(BUILD)/libssh/build.log; exit 1; }
	@touch $@

tmux: $(BUILD)/bin/ssh2incus-tmux
$(BUILD)/bin/ssh2incus-tmux: $(shell find packaging/tmux -type f)
	@mkdir -p $(BUILD)/tmux
	@packaging/tmux/build.sh $@ >$(BUILD)/tmux/build.log 2>&1 \
		|| { tail -n 40 $(BUILD)/tmux/build.log; exit 1; }
	@touch $@

check: ## everything that must hold: unit, sanitizer, fuzz, rules, format, system tests
	@tests/check

bench: ## speed and memory beside Debian's sshd
	@packaging/install-build-deps.sh bench
	@$(MAKE) build
	@tests/bench/run $(BENCH_ARGS)

FUZZ_SECONDS ?= 60
fuzz: build-asan ## run each fuzz target for FUZZ_SECONDS (60)
	@tests/rules/run-fuzzers build-asan/fuzz $(FUZZ_SECONDS)

lint: build-asan ## clang-format, clang-tidy, include rules
	@packaging/install-build-deps.sh check
	@/usr/bin/python3 tests/rules/check_rules.py
	@tests/rules/check-format
	@run-clang-tidy -quiet -p build-asan '$(CURDIR)/(common|policy|monitor|sessiond|gateway|diagnostics|guest)/'

format: ## clang-format all sources in place
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

install: ## into $(DESTDIR)$(PREFIX); needs `make build` before
	install -D -m 0755 $(BUILD)/bin/ssh2incus $(DESTDIR)$(PREFIX)/sbin/ssh2incus
	for program in $(HELPERS) ssh2incus-guest.$(OTHER_ARCH); do \
		install -D -m 0755 $(BUILD)/bin/$$program \
			$(DESTDIR)$(PREFIX)/libexec/ssh2incus/$$program || exit 1; done
	install -D -m 0644 packaging/pam/ssh2incus $(DESTDIR)$(SYSCONFDIR)/pam.d/ssh2incus
	install -D -m 0644 packaging/config/config.yaml \
		$(DESTDIR)$(SYSCONFDIR)/ssh2incus/config.yaml.example
	install -D -m 0644 packaging/config/access.yaml \
		$(DESTDIR)$(SYSCONFDIR)/ssh2incus/access.yaml.example
	install -D -m 0644 packaging/config/create-config.yaml \
		$(DESTDIR)$(SYSCONFDIR)/ssh2incus/create-config.yaml.example

clean: ## remove all build directories
	rm -rf $(BUILD) build-asan
