# SPDX-License-Identifier: LGPL-2.1-or-later
#
# weir: `make help` lists what there is to make. Objects and generated files live under build/ (build/san-… for sanitizers).

VERSION := 0.1.0

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man

CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config

comma := ,
O     := build$(if $(CROSS),/$(CROSS))$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

# CROSS=arm64 or CROSS=armhf builds for that, below build/arm64 or build/armhf, against a Debian system of scripts/sysroot.
ifdef CROSS
TRIPLET    := $(or $(patsubst arm64,aarch64-linux-gnu,$(filter arm64,$(CROSS))),\
		$(patsubst armhf,arm-linux-gnueabihf,$(filter armhf,$(CROSS))),$(error CROSS is arm64 or armhf))
SYSROOT    := $(or $(shell scripts/sysroot $(CROSS)),$(error no system of $(CROSS)))
override CC := $(TRIPLET)-gcc --sysroot=$(SYSROOT)
AR         := $(TRIPLET)-ar
PKG_CONFIG := env PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_PATH= \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
endif

CFLAGS   ?= -O2 -g
# No contraction: a value must be the same in a block, alone, and when the planner looks for raw bounds.
CFLAGS   += -std=gnu11 -ftree-vectorize -fvect-cost-model=dynamic -ffp-contract=off -fPIC -fno-semantic-interposition -pthread
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DWEIR_VERSION='"$(VERSION)"' -Iuserspace/include -Iuserspace -Ibpf -I$(O)/gen
ifdef SAN
CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SAN)
endif

PACKAGES := libgpiod libbpf libelf liburing libiio jansson zlib
NEEDS    := 'libgpiod >= 2.1' 'libbpf >= 1.1' 'libelf >= 0.188' 'liburing >= 2.3' 'libiio >= 0.24' 'jansson >= 2.14' zlib
# Only what is used: each library costs every start.
LDLIBS   += -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lm
CPPFLAGS += $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)

# --- what is compiled -------------------------------------------------------

DRIVERS  := $(sort $(wildcard sensors/*.c actuators/*.c userspace/operators/*.c userspace/bridges/*.c))

# Drivers whose library may be missing: FILE:LIBRARY:PACKAGE:NAME. LIBRARY is what pkg-config calls it or, where it has no .pc
# file, its header and what the linker calls it, as header.h=name. A driver without its library is left out, and whoever
# uses it is told PACKAGE and NAME. WITHOUT='fft fir' leaves drivers out on purpose.
OPTIONAL := \
	userspace/bridges/amqp.c:librabbitmq:librabbitmq-dev:librabbitmq \
	userspace/bridges/kafka.c:rdkafka:librdkafka-dev:librdkafka \
	userspace/bridges/mqtt.c:libmosquitto:libmosquitto-dev:libmosquitto \
	userspace/operators/fft.c:fftw3:libfftw3-dev:FFTW \
	userspace/operators/fir.c:liquid/liquid.h=liquid:libliquid-dev:liquid-dsp

part     = $(word $(1),$(subst :, ,$(2)))
by_header = $(findstring .h=,$(call part,2,$(1)))
header   = $(firstword $(subst =, ,$(call part,2,$(1))))
library  = $(lastword $(subst =, ,$(call part,2,$(1))))
probe    = $(if $(by_header),echo '\#include <$(header)>' | $(CC) $(CPPFLAGS) -E -x c -,$(PKG_CONFIG) --exists $(library))
is_there = $(if $(filter $(basename $(notdir $(call part,1,$(1)))),$(WITHOUT)),,$(shell $(probe) >/dev/null 2>&1 && echo yes))
link     = $(if $(by_header),-l$(library),$(shell $(PKG_CONFIG) --libs $(library)))

OPTIONAL := $(foreach entry,$(OPTIONAL),$(if $(filter $(call part,1,$(entry)),$(DRIVERS)),$(entry)))
PRESENT  := $(foreach entry,$(OPTIONAL),$(if $(call is_there,$(entry)),$(entry)))
ABSENT   := $(filter-out $(PRESENT),$(OPTIONAL))
DRIVERS  := $(filter-out $(foreach entry,$(ABSENT),$(call part,1,$(entry))),$(DRIVERS))
LDLIBS   += $(sort $(foreach entry,$(PRESENT),$(call link,$(entry))))
CPPFLAGS += $(sort $(foreach entry,$(PRESENT),$(if $(call by_header,$(entry)),,$(shell $(PKG_CONFIG) --cflags $(call library,$(entry))))))

# A driver's parts, userspace/devices/DRIVER_*.c, are left out with it.
PARTS    := $(filter-out $(foreach entry,$(ABSENT),userspace/devices/$(basename $(notdir $(call part,1,$(entry))))_%.c), \
	    $(wildcard userspace/devices/*.c))
LIB_DIRS := core filter format numeric program message spool share lang
LIB_SRC  := $(sort $(foreach dir,$(LIB_DIRS),$(wildcard userspace/$(dir)/*.c)) $(PARTS)) $(DRIVERS) \
	    userspace/guard/rules.c userspace/guard/wire.c userspace/guard/lines.c
CLI_SRC  := $(sort $(wildcard userspace/cli/*.c))
GUARD_SRC := $(sort $(wildcard userspace/guard/*.c))
BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))

LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/registry.o
CLI_OBJ  := $(CLI_SRC:%.c=$(O)/%.o)
GUARD_OBJ := $(GUARD_SRC:%.c=$(O)/%.o)
SKELETON := $(BPF_SRC:bpf/%.bpf.c=$(O)/gen/%.skel.h)

UNIT_SRC   := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELP  := $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.c)))
UNIT       := $(UNIT_SRC:%.c=$(O)/%)
TEST_HELP  := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/common/*.c)))
RIG_TOOLS  := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/rig/*.c)))
KERNEL     := $(patsubst %.c,$(O)/%,$(sort $(filter-out %.bpf.c,$(wildcard tests/kernel/*.c))))
BENCH      := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/bench/bench_*.c)))
# A load on a broker, of a build that can speak with one.
BENCH      += $(if $(filter userspace/bridges/mqtt.c,$(DRIVERS)),$(O)/tests/bench/load_mqtt)
FUZZERS    := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
LIBRARIES  := $(patsubst %.c,$(O)/%.so,$(sort $(wildcard tests/call/*.c)))
EXAMPLES   := $(patsubst %.c,$(O)/%,$(sort $(filter-out %.bpf.c,$(wildcard examples/*.c))))
FILTERS    := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard examples/*.bpf.c tests/cli/*.bpf.c tests/kernel/*.bpf.c)))

# --- how it is shown --------------------------------------------------------

ifeq ($(V),1)
Q   :=
say  = @:
else
Q   := @
say  = @printf '  %-8s %s\n' $(1) $(2)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help setup test unit cli kernel arm64 demo demo-native bench fuzz lint install uninstall clean FORCE

all: $(O)/weir $(O)/weir-guard $(O)/libweir.a $(O)/libweir.so ## build the program and both libraries (the default)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  V=1 shows commands; SAN=address,undefined or SAN=thread builds with sanitizers below build/san-…;'
	@echo '  CROSS=arm64 or CROSS=armhf builds, and tests, for another architecture (see CONTRIBUTING.md);'
	@echo '  DESTDIR= and prefix= ($(prefix)) say where install puts things.'

# --- library and program ----------------------------------------------------

$(O)/deps.ok:
	@mkdir -p $(@D)
	@command -v $(lastword $(PKG_CONFIG)) >/dev/null || { echo 'weir: pkg-config is missing; scripts/setup installs what is needed' >&2; exit 1; }
	@$(PKG_CONFIG) --print-errors --exists $(NEEDS) || { echo 'weir: scripts/setup installs what is needed' >&2; exit 1; }
	@touch $@

$(O)/%.o: %.c | $(O)/deps.ok $(SKELETON)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

$(O)/gen/registry.c: scripts/registry FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; scripts/registry $(DRIVERS) $(ABSENT) >$$new && \
	if cmp -s $$new $@; then rm $$new; else mv $$new $@; printf '  %-8s %s\n' GEN $@; fi

$(O)/gen/registry.o: $(O)/gen/registry.c | $(O)/deps.ok
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

$(O)/libweir.a: $(LIB_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/libweir.so.$(VERSION): $(LIB_OBJ) userspace/libweir.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libweir.so.0 -Wl,--version-script=userspace/libweir.map $(CFLAGS) $(LDFLAGS) $(LIB_OBJ) $(LDLIBS) -o $@

$(O)/libweir.so: $(O)/libweir.so.$(VERSION)
	@ln -sf libweir.so.$(VERSION) $(O)/libweir.so.0
	@ln -sf libweir.so.0 $@

$(O)/weir: $(CLI_OBJ) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# In one piece where that can be had: it is started when something has died, finds no library on a slow disk then, and all that
# it loads is locked in memory.
GUARD_LIBS = $(shell $(PKG_CONFIG) --libs libgpiod) -lm
in_one_piece = $(if $(SAN),,$(shell echo 'int main(void) { return 0; }' | \
	$(CC) -static-pie -fPIC -x c - -Wl,--whole-archive -lgpiod -Wl,--no-whole-archive -lm -o /dev/null 2>/dev/null && echo -static-pie))

$(O)/weir-guard: $(GUARD_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(in_one_piece) $^ $(GUARD_LIBS) -o $@

# --- what runs in the kernel ------------------------------------------------

# As compiler and libbpf name what is built for: for hooks it is the kernel's, which on a small machine may not be the program's.
TARGET   := $(shell $(CC) -print-multiarch)
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(firstword $(subst -, ,$(TARGET)))))

$(O)/%.bpf.o: %.bpf.c | $(O)/deps.ok
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) $(if $(CROSS),--sysroot=$(SYSROOT)) \
		-I$(SYSROOT)/usr/include/$(TARGET) -Ibpf -Wall -Werror -MMD -MP -c $< -o $@

$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name weir_$* >$@ 2>$@.log || { cat $@.log >&2; exit 1; }

# --- tests ------------------------------------------------------------------

$(UNIT): $(O)/tests/unit/%: $(O)/tests/unit/%.o $(UNIT_HELP:%.c=$(O)/%.o) $(TEST_HELP) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

# Of the tests in the rig, the one that goes on where unit tests end.
$(O)/tests/kernel/random_filters: $(O)/tests/kernel/random_filters.o $(UNIT_HELP:%.c=$(O)/%.o) $(TEST_HELP) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(FUZZERS): $(O)/tests/fuzz/%: $(O)/tests/fuzz/%.o $(TEST_HELP) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/tests/%: $(O)/tests/%.o $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/examples/%: $(O)/examples/%.o $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(LIBRARIES): $(O)/%.so: %.c userspace/include/weir/call.h
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -Iuserspace/include -std=gnu11 -O2 -g -fPIC $(WARNINGS) -shared $< -lm -o $@

setup: ## install what building, testing and the rig need
	$(Q)scripts/setup all

test: ## everything: unit tests, tests of the command line, kernel tests in the rig; sets up what it needs
	$(if $(CROSS),$(error for another architecture there are make unit, cli and kernel; or make arm64))
	$(Q)scripts/setup build test rig
	$(Q)$(MAKE) all tools
	$(Q)tests/run all $(O)

.PHONY: tools
tools: $(UNIT) $(RIG_TOOLS) $(KERNEL) $(FUZZERS) $(EXAMPLES) $(LIBRARIES) $(FILTERS)

# What was built for another architecture runs where it finds itself at build/.
unit: all $(UNIT) $(FUZZERS) $(LIBRARIES) ## unit tests alone; no root needed
	$(Q)$(if $(CROSS),scripts/emulate $(CROSS) tests/run unit build,tests/run unit $(O))

cli: all $(EXAMPLES) $(LIBRARIES) $(FILTERS) ## tests of the command line alone
	$(Q)$(if $(CROSS),scripts/emulate $(CROSS) tests/run cli build,tests/run cli $(O))

kernel: all $(RIG_TOOLS) $(KERNEL) $(LIBRARIES) $(FILTERS) ## kernel tests alone, in the rig
	$(Q)$(if $(CROSS),WEIR_RIG_ARCH=$${WEIR_RIG_ARCH:-$(CROSS)} tests/run kernel build,tests/run kernel $(O))

arm64: ## cross-build for arm64, unit tests and kernel tests in emulation; sets up what it needs; takes a quarter of an hour
	$(Q)if scripts/setup cross; then $(MAKE) -k CROSS=arm64 unit kernel; else echo '0 passed, 0 failed, 1 skipped: see above'; fi

demo: ## a shaking accelerometer cuts a motor, on a real kernel in the rig; sets up what it needs
	$(Q)scripts/setup build rig
	$(Q)$(MAKE) all $(RIG_TOOLS)
	$(Q)scripts/demo

demo-native: ## the same without QEMU, on the synthetic sensor, with the actuator printed
	$(Q)scripts/setup build
	$(Q)$(MAKE) all
	$(Q)scripts/demo native

bench: all $(BENCH) $(LIBRARIES) $(RIG_TOOLS) ## measure the hot paths, each beside its physical limit
	$(Q)tests/bench/run $(O)

fuzz: $(FUZZERS) ## run every fuzzer for a short while
	$(Q)tests/fuzz/run $(O)

lint: ## shellcheck, clang-format, include rules, licence lines
	$(Q)scripts/lint

# --- installing -------------------------------------------------------------

install: all ## install the program, the libraries, the headers and the manual
	install -D -m 755 $(O)/weir $(DESTDIR)$(bindir)/weir
	install -D -m 755 $(O)/weir-guard $(DESTDIR)$(bindir)/weir-guard
	install -D -m 644 $(O)/libweir.a $(DESTDIR)$(libdir)/libweir.a
	install -D -m 755 $(O)/libweir.so.$(VERSION) $(DESTDIR)$(libdir)/libweir.so.$(VERSION)
	ln -sf libweir.so.$(VERSION) $(DESTDIR)$(libdir)/libweir.so.0
	ln -sf libweir.so.0 $(DESTDIR)$(libdir)/libweir.so
	install -D -m 644 -t $(DESTDIR)$(includedir)/weir userspace/include/weir/*.h bpf/weir/custom.h

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/weir $(DESTDIR)$(bindir)/weir-guard $(DESTDIR)$(libdir)/libweir.a $(DESTDIR)$(libdir)/libweir.so \
		$(DESTDIR)$(libdir)/libweir.so.0 $(DESTDIR)$(libdir)/libweir.so.$(VERSION)
	rm -f $(patsubst userspace/include/%,$(DESTDIR)$(includedir)/%,$(wildcard userspace/include/weir/*.h))
	rm -f $(DESTDIR)$(includedir)/weir/custom.h
	-rmdir $(DESTDIR)$(includedir)/weir

clean: ## remove build/
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(GUARD_OBJ:.o=.d) $(BPF_SRC:%.bpf.c=$(O)/%.bpf.d) $(UNIT:=.d) $(UNIT_HELP:%.c=$(O)/%.d) \
	$(RIG_TOOLS:=.d) $(KERNEL:=.d) $(BENCH:=.d) $(FUZZERS:=.d) $(EXAMPLES:=.d) $(FILTERS:.o=.d) $(TEST_HELP:.o=.d)
