# hostcast: tells browsers what happens on a Linux host.  GNU make >= 4.3.
#
#   make                 build all programs under .build/
#   make help            list the targets
#   SAN=address,undefined before any target: the same tree, sanitized, in a build directory of its own
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
sysconfdir ?= /etc
INSTALL    ?= install

# ---- what the project fixes --------------------------------------------------
comma := ,
B     := .build$(if $(SAN),/$(subst $(comma),+,$(SAN)))
WARN  := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wformat=2 -Wstrict-prototypes \
	 -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wold-style-definition
c_flags   = -std=gnu11 $(WARN) $(CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
cpp_flags = -D_GNU_SOURCE -I. -I$B -MMD -MP $(CPPFLAGS) \
	    -DHC_DATADIR='"$(datadir)"' -DHC_SYSCONFDIR='"$(sysconfdir)"'
pkg       = $(shell pkg-config --libs $1)

objs  = $(patsubst %.c,$B/%.o,$(filter-out %.bpf.c,$(wildcard $1/*.c)))

SHARED_LIBS = $(call pkg,jansson) -lmsgpackc -linih
$B/hostcast-bpf:  LIBS = $(call pkg,libbpf libuv libudev mount blkid libcap-ng libsystemd) $(SHARED_LIBS)
$B/hostcast-ws:   LIBS = $(call pkg,libwebsockets libuv sqlite3 libjwt libsystemd) $(SHARED_LIBS)
$B/hostcast-fcgi: LIBS = -lfcgi $(SHARED_LIBS)
$B/hostcast:      LIBS = $(SHARED_LIBS)

.PHONY: all
all: $(PROGRAMS:%=$B/%)

$B/hostcast-bpf:  $(call objs,bpf)
$B/hostcast-ws:   $(call objs,ws)
$B/hostcast-fcgi: $(call objs,fcgi)
$B/hostcast:      $(call objs,proto/cli)

$(PROGRAMS:%=$B/%): $B/shared.a
	$(call say,LINK) $(CC) $(c_flags) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

$B/shared.a: $(call objs,proto) $(call objs,conf)
	$(call say,AR) rm -f $@ && $(AR) rcs $@ $^

$B/%.o: %.c Makefile
	$(call say,CC) mkdir -p $(@D) && $(CC) $(cpp_flags) $(c_flags) -c $< -o $@

# ---- BPF: source -> object -> skeleton header --------------------------------
# The skeleton is generated code: -isystem keeps its warnings out of ours.
bpf_arch  = $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

$B/%.bpf.o: %.bpf.c Makefile
	$(call say,BPF) mkdir -p $(@D) && $(CLANG) -target bpf -D__TARGET_ARCH_$(bpf_arch) -g -O2 \
	  -Wall -Wextra -Werror -I. -MMD -MP -c $< -o $@

$B/%.skel.h: $B/%.bpf.o
	$(call say,SKEL) $(BPFTOOL) gen skeleton $< > $@

$(call objs,bpf): | $(patsubst %.bpf.c,$B/%.skel.h,$(wildcard bpf/*.bpf.c))
$B/bpf/source.o: CPPFLAGS += -isystem $B

say = $(if $(V),,@printf '  %-5s %s\n' $1 $(@:$B/%=%);)

-include $(shell find .build -name '*.d' 2>/dev/null)
