# SPDX-License-Identifier: MIT
# hostcast: tells browsers what happens on a Linux host.  GNU make >= 4.3.  `make help` lists the targets.
#
# SAN=address,undefined before any target gives the same tree, sanitized, in a build directory of its own.
# V=1 shows the commands.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
SHELL := /bin/bash

PROGRAMS := hostcast-bpf hostcast-ws hostcast-fcgi hostcast

# ---- what a packager may set -------------------------------------------------
CC         ?= cc
CLANG      ?= clang
BPFTOOL    ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
CFLAGS     ?= -O2 -g
prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
sbindir    ?= $(prefix)/sbin
datadir    ?= $(prefix)/share/hostcast
mandir     ?= $(prefix)/share/man
unitdir    ?= $(prefix)/lib/systemd/system
sysconfdir ?= /etc
INSTALL    ?= install

# ---- what the project fixes --------------------------------------------------
comma := ,
B     := .build$(if $(SAN),/$(subst $(comma),+,$(SAN)))
WARN  := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wformat=2 -Wstrict-prototypes \
	 -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wold-style-definition
c_flags   = -std=gnu11 $(WARN) $(CFLAGS) \
	    $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
cpp_flags = -D_GNU_SOURCE -I. -I$B -MMD -MP $(CPPFLAGS) \
	    -DHC_DATADIR='"$(datadir)"' -DHC_SYSCONFDIR='"$(sysconfdir)"' -DHC_SBINDIR='"$(sbindir)"'
pkg       = $(shell pkg-config --libs $1)

objs  = $(patsubst %.c,$B/%.o,$(filter-out %.bpf.c,$(wildcard $(1:%=%/*.c))))

SHARED_LIBS = $(call pkg,jansson) -lmsgpackc -linih
BPF_LIBS    = $(call pkg,libbpf libuv libudev mount blkid libcap-ng libsystemd)
WS_LIBS     = $(call pkg,libwebsockets libuv sqlite3 libssl libcrypto libsystemd zlib)
FCGI_LIBS   = -lfcgi
CLI_LIBS    = $(call pkg,libcrypto)
$B/hostcast-bpf:  LIBS = $(BPF_LIBS) $(SHARED_LIBS)
$B/hostcast-ws:   LIBS = $(WS_LIBS) $(SHARED_LIBS)
$B/hostcast-fcgi: LIBS = $(FCGI_LIBS) $(SHARED_LIBS)
$B/hostcast:      LIBS = $(CLI_LIBS) $(SHARED_LIBS)
$B/check:         LIBS = $(call pkg,criterion) $(BPF_LIBS) $(WS_LIBS) $(FCGI_LIBS) $(CLI_LIBS) $(SHARED_LIBS)

# ---- programs: one folder each, and what they share ---------------------------
ws := ws $(patsubst %/,%,$(wildcard ws/*/))

.PHONY: all
all: $(PROGRAMS:%=$B/%) ## build all programs under .build/ (the default)

$B/hostcast-bpf:  $(call objs,bpf)
$B/hostcast-ws:   $(call objs,$(ws))
$B/hostcast-fcgi: $(call objs,fcgi)
$B/hostcast:      $(call objs,proto/cli)
# tests/unit/wire.c stands in for libwebsockets.
$B/check:         $(call objs,tests/unit) $(filter-out %/main.o %/wire/wire.o,$(call objs,bpf $(ws) fcgi proto/cli))

# The load generator of the fan-out benchmark, and the least server to compare with.
bench_objs        := $(call objs,tests/bench/fanout)
bench_programs    := $B/bench-load $B/bench-sendloop
$B/bench-load:     $(filter-out %/sendloop.o,$(bench_objs))
$B/bench-sendloop: $(filter %/sendloop.o,$(bench_objs))
$(bench_programs): LIBS = $(call pkg,libssl libcrypto) $(SHARED_LIBS)

$(PROGRAMS:%=$B/%) $B/check $(bench_programs): $B/shared.a
	$(call say,LINK) $(CC) $(c_flags) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

$B/shared.a: $(call objs,proto) $(call objs,conf)
	$(call say,AR) rm -f $@ && $(AR) rcs $@ $^

$B/%.o: %.c $B/flags
	$(call say,CC) mkdir -p $(@D) && $(CC) $(cpp_flags) $(c_flags) -c $< -o $@

# Lets allocations of a program fail that is started with it.
preloads := $B/short-memory.so
$B/short-memory.so: tests/e2e/faults/short_memory.c $B/flags
	$(call say,CC) mkdir -p $(@D) && $(CC) $(cpp_flags) $(filter-out -fsanitize=%,$(c_flags)) -fPIC -shared $< -o $@

# ---- BPF: source -> object -> skeleton header --------------------------------
# The skeleton is generated code: -isystem keeps its warnings out of ours, and -MMD from noting it.
bpf_arch  = $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
bpf_flags = -target bpf -D__TARGET_ARCH_$(bpf_arch) -g -O2 -Wall -Wextra -Werror -I.

$B/%.bpf.o: %.bpf.c $B/flags
	$(call say,BPF) mkdir -p $(@D) && $(CLANG) $(bpf_flags) -MMD -MP -c $< -o $@

$B/%.skel.h: $B/%.bpf.o
	$(call say,SKEL) $(BPFTOOL) gen skeleton $< > $@

$B/bpf/source.o: $B/bpf/mount.skel.h
$B/bpf/source.o: private CPPFLAGS += -isystem $B

# ---- what the objects depend on besides their sources ---------------------------
# Written only when the flags change, so that a change of SAN, CFLAGS or prefix rebuilds what it must.
$B/flags: export flags_text = $(CC) $(cpp_flags) $(c_flags) $(LDFLAGS) $(CLANG) $(bpf_flags)
$B/flags: FORCE
	@mkdir -p $(@D) && { printf '%s\n' "$$flags_text" | cmp -s - $@ || printf '%s\n' "$$flags_text" >$@; }
.PHONY: FORCE
FORCE:

say = $(if $(V),,@printf '  %-5s %s\n' $1 $(@:$B/%=%);)

# ---- packages: what is missing is installed, what is there costs no network -------
DEPS := gcc libc6-dev pkg-config clang bpftool libbpf-dev libwebsockets-dev libwebsockets-evlib-uv \
	libuv1-dev libsqlite3-dev libjansson-dev libmount-dev libblkid-dev libudev-dev \
	libmsgpack-dev libfcgi-dev libinih-dev libsystemd-dev libcap-ng-dev uthash-dev libssl-dev zlib1g-dev \
	apache2-bin libapache2-mod-fcgid media-types openssl util-linux mount curl procps
DEPS_TEST := libcriterion-dev python3 python3-pytest python3-pytest-xdist python3-websockets \
	python3-msgpack python3-cryptography e2fsprogs faketime chromium sqlite3 strace
DEPS_LINT := clang-format cppcheck shellcheck systemd

# Node.js may come from elsewhere than Debian, whose npm would then not go with it.
node_deps = $(shell command -v node npm >/dev/null && command -v npm >/dev/null || echo nodejs npm ca-certificates)

.PHONY: deps deps-test deps-lint
deps: ## install the packages that building and running need (as root; only what is missing)
	@$(call install_missing,$(DEPS))
deps-test:
	@$(call install_missing,$(DEPS) $(DEPS_TEST) $(node_deps))
	@$(call npm_install)
deps-lint:
	@$(call install_missing,$(DEPS) $(DEPS_LINT))

define install_missing
missing=$$(comm -23 <(printf '%s\n' $1 | LC_ALL=C sort -u) \
	<(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $1 2>/dev/null | sed -n 's/^installed //p' | LC_ALL=C sort -u)); \
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" != 0 ]; then echo "packages are missing, install them as root: apt-get install" $$missing >&2; exit 1; fi; \
echo "installing:" $$missing; \
export DEBIAN_FRONTEND=noninteractive; \
apt-get -q update && apt-get -qy --no-install-recommends install $$missing
endef

# npm ci leaves .package-lock.json behind when it is done; it is older than a lock that changed since.
define npm_install
if [ -f tests/package-lock.json ] && \
   ! [ tests/node_modules/.package-lock.json -nt tests/package-lock.json ]; then \
	npm ci --prefix tests --no-audit --no-fund --loglevel=error && touch tests/node_modules/.package-lock.json; \
fi
endef

# ---- run and test ------------------------------------------------------------
RUN        ?= .run
HTTP_PORT  ?= 8080
HTTPS_PORT ?= 8443
WS_PORT    ?= 8090
WSS_PORT   ?= 8444
jobs       := -j$(shell nproc) --no-print-directory

.PHONY: run test unit e2e browser
run: ## install, build and start everything on loopback (RUN, HTTP_PORT, HTTPS_PORT, WS_PORT, WSS_PORT)
	@$(MAKE) --no-print-directory deps && $(MAKE) $(jobs) all && \
		B='$B' RUN='$(RUN)' HTTP_PORT='$(HTTP_PORT)' HTTPS_PORT='$(HTTPS_PORT)' WS_PORT='$(WS_PORT)' WSS_PORT='$(WSS_PORT)' exec conf/run
test: ## install, build and run every test: unit, end to end, browser
	@$(MAKE) --no-print-directory deps-test && $(MAKE) $(jobs) all check && B='$B' SAN='$(SAN)' exec tests/run
unit: $B/check ## run the unit tests
	@B='$B' SAN='$(SAN)' exec tests/run unit
e2e: all $(preloads) ## run the tests that start the real programs
	@B='$B' SAN='$(SAN)' exec tests/run e2e
browser: all ## run the tests in a real browser
	@B='$B' SAN='$(SAN)' exec tests/run browser
.PHONY: soak
soak: ## run the fault tests long: kills, power cuts, reconnects, failing calls (a quarter of an hour)
	@$(MAKE) --no-print-directory deps-test && $(MAKE) $(jobs) all $(preloads) && B='$B' SAN='$(SAN)' exec tests/run soak
.PHONY: check
check: $B/check $(preloads)

.PHONY: bench
bench: all $(bench_programs) ## run the benchmarks
	@if [ -x tests/bench/run ]; then B='$B' exec tests/bench/run; fi; \
	echo "tests/bench has no benchmark" >&2; exit 1

# ---- checks ------------------------------------------------------------------
c_files  := $(wildcard proto/*.[ch] proto/cli/*.[ch] bpf/*.[ch] ws/*.[ch] ws/*/*.[ch] fcgi/*.[ch] conf/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])
headers  := $(filter-out bpf/vmlinux.h,$(filter %.h,$(c_files)))
scripts  := conf/run .ci/run

.PHONY: lint format
lint: ## check headers, layering, formatting, scripts; cppcheck
	@for h in $(headers); do \
		$(CC) $(filter-out -MMD -MP,$(cpp_flags)) $(c_flags) -fsyntax-only -include $$h -x c /dev/null || exit 1; done
	@for layer in $(LAYERS); do set -- $$layer; \
		if grep -nE '#include "' $$1/*.[ch] | grep -vE "\"($$2)"; then echo "$$1/ includes only $$2" >&2; exit 1; fi; done
	@if grep -lE '#include <libwebsockets.h>' $(c_files) | grep -vxE '$(SEES_LWS)'; then echo "only $(SEES_LWS) include libwebsockets.h" >&2; exit 1; fi
	@if grep -lE '#include <(fcgiapp|fcgi_stdio).h>' $(c_files) | grep -vxE '$(SEES_FCGI)'; then echo "only $(SEES_FCGI) include fcgiapp.h" >&2; exit 1; fi
	clang-format --dry-run --Werror $(filter-out bpf/vmlinux.h,$(c_files))
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -I. -I$B \
		--suppress=missingInclude --suppress=memleak --suppress=resourceLeak $(filter-out %.bpf.c tests/%,$(filter %.c,$(c_files)))
	shellcheck $(scripts)
	systemd-analyze security --offline=true --no-pager --threshold=12 conf/systemd/hostcast-ws.service >/dev/null
	systemd-analyze security --offline=true --no-pager --threshold=26 conf/systemd/hostcast-bpf.service >/dev/null
# A room, and what of the project it may see. The other rooms of ws/ see each other.
LAYERS := 'proto proto/' 'proto/cli (proto|conf)/' 'conf (proto|conf)/' 'bpf (proto|conf|bpf)/' 'fcgi (proto|conf|fcgi)/' \
	'ws/log (proto|conf|ws/log)/|ws/health/histogram.h' 'ws/state (proto|ws/log|ws/state)/' \
	'ws/fanout (proto|conf|ws/log|ws/fanout)/' 'ws/auth (proto|conf|ws/auth)/|ws/fanout/filter.h'
SEES_LWS  := ws/wire/(wire|protocol|handshake|stream)\.c
SEES_FCGI := fcgi/(request|main)\.c

format: ## let clang-format rewrite the C files
	clang-format -i $(filter-out bpf/vmlinux.h,$(c_files))

# ---- install -----------------------------------------------------------------
# Installed text says where things are: the files of the tree name the default prefix.
relocate = sed -e 's,/usr/local/sbin,$(sbindir),g' -e 's,/usr/local/share/hostcast,$(datadir),g' \
	-e 's,/etc/hostcast,$(sysconfdir)/hostcast,g'
manuals  = $(wildcard proto/*.[1-8] proto/cli/*.[1-8] bpf/*.[1-8] ws/*.[1-8] fcgi/*.[1-8] conf/*.[1-8])
pages    = $(shell cd ws/browser && find . -type f | sed 's,^\./,,')
D        = $(DESTDIR)

.PHONY: install uninstall clean help
install: all ## install under DESTDIR and prefix; an existing configuration is kept
	$(INSTALL) -D -m 0755 -t $D$(bindir) $B/hostcast
	$(INSTALL) -D -m 0755 -t $D$(sbindir) $B/hostcast-ws $B/hostcast-bpf $B/hostcast-fcgi
	$(INSTALL) -D -m 0644 -t $D$(datadir)/types $(wildcard proto/types/*.json)
	@cd ws/browser && for f in $(pages); do $(INSTALL) -D -m 0644 "$$f" "$D$(datadir)/browser/$$f" || exit 1; done
	@for f in $(manuals); do $(INSTALL) -d $D$(mandir)/man$${f##*.} && \
		$(relocate) "$$f" >"$D$(mandir)/man$${f##*.}/$${f##*/}" || exit 1; done
	@$(INSTALL) -d $D$(unitdir) && for f in conf/systemd/*; do \
		$(relocate) "$$f" >"$D$(unitdir)/$${f##*/}" || exit 1; done
	$(INSTALL) -D -m 0644 conf/sysusers.d/hostcast.conf $D$(prefix)/lib/sysusers.d/hostcast.conf
	$(INSTALL) -D -m 0644 conf/tmpfiles.d/hostcast.conf $D$(prefix)/lib/tmpfiles.d/hostcast.conf
	$(INSTALL) -d $D$(sysconfdir)/hostcast/types.d
	@$(call install_config,conf/hostcast.conf,$D$(sysconfdir)/hostcast/hostcast.conf)
	$(INSTALL) -d $D$(sysconfdir)/apache2/sites-available
	@$(call install_config,conf/apache/hostcast.conf,$D$(sysconfdir)/apache2/sites-available/hostcast.conf)

# A file that somebody edited is not overwritten: the new one is put beside it.
define install_config
$(relocate) '$1' >'$2.new' && if [ -e '$2' ] && ! cmp -s '$2' '$2.new'; then echo "kept $2, the new one is $2.new"; \
else mv '$2.new' '$2'; fi
endef

uninstall: ## remove what install put there, but not the configuration
	rm -f $(PROGRAMS:%=$D$(bindir)/%) $(PROGRAMS:%=$D$(sbindir)/%)
	rm -f $(foreach m,$(notdir $(manuals)),$D$(mandir)/man$(lastword $(subst ., ,$m))/$m)
	rm -f $(foreach u,$(notdir $(wildcard conf/systemd/*)),$D$(unitdir)/$u)
	rm -f $D$(prefix)/lib/sysusers.d/hostcast.conf $D$(prefix)/lib/tmpfiles.d/hostcast.conf
	rm -rf $D$(datadir)

clean: ## remove what was built
	rm -rf .build

help: ## list the targets
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 14

-include $(shell find .build -name '*.d' 2>/dev/null)
