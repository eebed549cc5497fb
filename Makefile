# SPDX-License-Identifier: LGPL-2.1-or-later
#
# weir: `make help` lists what there is to make. Objects and generated files live under build/ (build/san-… for sanitizers).

VERSION := 0.1.0

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man
docdir     ?= $(prefix)/share/doc/weir
unitdir    ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
bashdir    ?= $(prefix)/share/bash-completion/completions
zshdir     ?= $(prefix)/share/zsh/vendor-completions
udevdir    ?= $(prefix)/lib/udev/rules.d
driversdir ?= $(libdir)/weir/drivers

CLANG      ?= clang
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
NM         ?= nm
LOWDOWN    ?= lowdown

comma := ,
hash  := \#
ifdef FUZZ
override CC  := $(CLANG)
override SAN := address,undefined
endif
clang := $(findstring clang,$(notdir $(CC)))
O     := build$(if $(FUZZ),/fuzz,$(if $(CROSS),/$(CROSS))$(if $(clang),/clang)$(if $(STATIC),/static)$(if $(SAN),/san-$(subst $(comma),-,$(SAN))))

# CROSS=arm64 or CROSS=armhf builds for that, below build/arm64 or build/armhf, against a Debian system of scripts/sysroot.
ifdef CROSS
TRIPLET    := $(or $(patsubst arm64,aarch64-linux-gnu,$(filter arm64,$(CROSS))),\
		$(patsubst armhf,arm-linux-gnueabihf,$(filter armhf,$(CROSS))),$(error CROSS is arm64 or armhf))
SYSROOT    := $(or $(shell scripts/sysroot $(CROSS)),$(error no system of $(CROSS)))
override CC := $(TRIPLET)-gcc --sysroot=$(SYSROOT)
AR         := $(TRIPLET)-ar
NM         := $(TRIPLET)-nm
PKG_CONFIG := env PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_PATH= \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
endif

# Where long has 32 bits, time has 64 all the same.
override CPPFLAGS += -D_TIME_BITS=64

# Those of the command line come first, and not instead.
CFLAGS   ?= -O2 -g
optimize := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
# No contraction: a value must be the same in a block, alone, and when the planner looks for raw bounds.
override CFLAGS += -std=gnu11 -ftree-vectorize $(if $(clang),,-fvect-cost-model=dynamic) -ffp-contract=off -fPIC \
	-fno-semantic-interposition -pthread
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers
# clang-format cuts long strings in two also where they are elements.
WARNINGS += $(if $(clang),-Wno-string-concatenation)
override CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DWEIR_VERSION='"$(VERSION)"' -Iuserspace/include -Iuserspace -Ibpf -I$(O)/gen
ifdef SAN
# A double that an integer cannot hold is undefined too when it becomes one, but no part of "undefined".
sanitizers := $(SAN)$(if $(findstring undefined,$(SAN)),$(comma)float-cast-overflow)
override CFLAGS  += -fsanitize=$(sanitizers) -fno-omit-frame-pointer -fno-sanitize-recover=all
override LDFLAGS += -fsanitize=$(sanitizers)
endif
# Coverage in every object, and libFuzzer's main() in the fuzzers. `make fuzz` builds with it.
ifdef FUZZ
override CFLAGS   += -fsanitize=fuzzer-no-link
override CPPFLAGS += -DWEIR_LIBFUZZER
endif

# NAME:LIBRARY of modules, see below. LIBRARY is the name for pkg-config or, where it has no .pc file, its header and the linker's
# name, as header.h=name. A module without its library is not built; a program that names it gets an error. WITHOUT='fft fir'
# leaves modules out on purpose.
LIBRARIES_OF := amqp:librabbitmq curl:libcurl kafka:rdkafka mqtt:openssl fft:fftw3 fir:liquid/liquid.h=liquid

PACKAGES := libgpiod libbpf libelf liburing jansson libpcre2-8 zlib
NEEDS    := 'libgpiod >= 2.1' 'libbpf >= 1.1' 'libelf >= 0.188' 'liburing >= 2.3' 'jansson >= 2.14' 'libpcre2-8 >= 10.40' zlib

# What this compiler and the libraries can do.
quote      = '$(subst ','\'',$(1))'
ifneq ($(filter-out clean help format uninstall,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell CC=$(call quote,$(CC)) CPPFLAGS=$(call quote,$(CPPFLAGS)) PKG_CONFIG=$(call quote,$(PKG_CONFIG)) \
	SAN=$(call quote,$(SAN)) OPTIMIZE=$(call quote,$(optimize)) WITHOUT=$(call quote,$(WITHOUT)) PACKAGES=$(call quote,$(PACKAGES)) \
	scripts/configure $(O)/config.mk $(LIBRARIES_OF) && echo yes),yes)
$(error scripts/configure has failed)
endif
endif
-include $(O)/config.mk
# What makes a mistake with memory hard to use.
override CFLAGS  += $(HARDENING)
override LDFLAGS += -Wl,-z,relro,-z,now,-z,noexecstack

# Where records pass. With -O3 there, bench_shapes has 20 % more records a second for source, map, sink and 7 to 12 % for most other
# shapes (gcc 12, amd64); -O3 elsewhere adds nothing.
HOT_DIRS := core expr numeric operators stream
HOT      := $(if $(SAN),,$(if $(filter -O2,$(optimize)),-O3))

# What objects were compiled with; with anything else they are compiled again.
flags    := $(CC) $(CFLAGS) $(WARNINGS) $(filter-out -I%,$(CPPFLAGS)) $(if $(HOT),$(HOT) in $(HOT_DIRS))

# Only what is used: each library costs every start.
override LDLIBS += -Wl,--as-needed $(PACKAGE_LIBS) -lm
override CPPFLAGS += $(PACKAGE_CFLAGS) $(if $(STATIC),-DWEIR_STATIC)

# --- what is compiled -------------------------------------------------------

# Drivers with a library have their table in NAME_table.c, which is a part of weir. NAME.c and userspace/devices/NAME_*.c are a
# module, drivers/NAME.so, that is opened when a program names the driver.
FILES    := $(sort $(wildcard sensors/*.c actuators/*.c userspace/operators/*.c userspace/bridges/*.c))
MODULES  := $(patsubst %_table.c,%.c,$(filter %_table.c,$(FILES)))
DRIVERS  := $(filter-out $(MODULES),$(FILES))

names     = $(basename $(notdir $(1)))
MODULES  := $(foreach file,$(MODULES),$(if $(HAS_$(call names,$(file))),$(file)))
LEFT_OUT := $(patsubst %_table,%,$(filter-out $(addsuffix _table,$(call names,$(MODULES))),$(filter %_table,$(call names,$(DRIVERS)))))
# libbpf and libelf are opened with the first filter: userspace/filter/bpf_library.h.
BASE_LIBS := $(filter-out -lbpf -lelf,$(LDLIBS))
override LDLIBS += $(sort $(foreach name,$(call names,$(MODULES)),$(LIBS_$(name))))
# libcurl, librabbitmq and librdkafka come with OpenSSL, and ours calls that too: see userspace/devices/openssl_exit.h.
override LDLIBS += $(if $(filter amqp curl kafka,$(call names,$(MODULES))),$(LIBS_crypto))
override CPPFLAGS += $(sort $(CFLAGS_OF_MODULES))

parts_of  = $(sort $(foreach name,$(1),$(wildcard userspace/devices/$(name)_*.c)))
PARTS    := $(filter-out $(call parts_of,$(LEFT_OUT) $(call names,$(MODULES))),$(wildcard userspace/devices/*.c))
LIB_DIRS := stream loop filter core format numeric program message spool share expr lang pushdown api display
BASE_SRC := $(sort $(foreach dir,$(LIB_DIRS),$(wildcard userspace/$(dir)/*.c)) $(PARTS)) $(DRIVERS) \
	    userspace/guard/rules.c userspace/guard/wire.c userspace/guard/gpio_ioctl.c userspace/guard/place.c \
	    userspace/guard/attribute.c
MODULE_SRC := $(MODULES) $(call parts_of,$(call names,$(MODULES)))
CLI_SRC  := $(sort $(wildcard userspace/cli/*.c))
GUARD_SRC := $(sort $(wildcard userspace/guard/*.c))
BPF_SRC  := $(sort $(wildcard bpf/*.bpf.c))

BASE_OBJ := $(BASE_SRC:%.c=$(O)/%.o)
MODULE_OBJ := $(MODULE_SRC:%.c=$(O)/%.o)
LIB_OBJ  := $(BASE_OBJ) $(MODULE_OBJ)
# The static library has the modules in it; so have, with STATIC=1, the program and the shared library.
MODULE_SO := $(if $(STATIC),,$(foreach name,$(call names,$(MODULES)),$(O)/drivers/$(name).so))
WHOLE_OBJ := $(if $(STATIC),$(LIB_OBJ) $(O)/gen/registry_static.o,$(BASE_OBJ) $(O)/gen/registry.o)
WHOLE_LIBS = $(if $(STATIC),$(LDLIBS),$(BASE_LIBS))
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
# A load on a broker, and a peer of weir: clients of their own, where their library is there.
BENCH_MQTT := $(if $(LIBS_mosquitto),$(addprefix $(O)/tests/bench/,load_mqtt relay_mqtt))
BENCH      += $(BENCH_MQTT)
$(BENCH_MQTT): override LDLIBS += $(LIBS_mosquitto)
# A broker of Kafka, where weir has its module.
BENCH_KAFKA := $(if $(filter kafka,$(call names,$(MODULES))),$(O)/tests/bench/mock_kafka)
BENCH      += $(BENCH_KAFKA)
$(BENCH_KAFKA): override LDLIBS += $(LIBS_kafka)
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
.PHONY: all help setup test unit cli kernel arm64 armhf debian13 demo demo-native bench fuzz fuzzers lint format install uninstall clean FORCE

all: $(O)/weir $(O)/weir-guard $(O)/libweir.a $(O)/libweir.so $(MODULE_SO) ## build the program and both libraries (the default)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  V=1 shows commands; SAN=address,undefined or SAN=thread builds with sanitizers below build/san-…;'
	@echo '  STATIC=1 builds a program without modules: all drivers are in it;'
	@echo '  CROSS=arm64 or CROSS=armhf builds, and tests, for another architecture (see CONTRIBUTING.md);'
	@echo '  DESTDIR= and prefix= ($(prefix)) say where install puts things.'

# --- library and program ----------------------------------------------------

$(O)/deps.ok:
	@mkdir -p $(@D)
	@command -v $(lastword $(PKG_CONFIG)) >/dev/null || { echo 'weir: pkg-config is missing; scripts/setup installs what is needed' >&2; exit 1; }
	@$(PKG_CONFIG) --print-errors --exists $(NEEDS) || { echo 'weir: scripts/setup installs what is needed' >&2; exit 1; }
	@touch $@

$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(flags))' | cmp -s - $@ || echo '$(subst ','\'',$(flags))' >$@

$(foreach dir,$(HOT_DIRS),$(O)/userspace/$(dir)/%.o): override CFLAGS += $(HOT)

# The same of what is linked.
$(O)/link-flags: FORCE
	@mkdir -p $(@D)
	@echo $(call quote,$(LDFLAGS) $(LDLIBS)) | cmp -s - $@ || echo $(call quote,$(LDFLAGS) $(LDLIBS)) >$@

$(O)/weir $(O)/weir-guard $(O)/libweir.so.$(VERSION) $(MODULE_SO): $(O)/link-flags

$(O)/%.o: %.c $(O)/flags | $(O)/deps.ok $(SKELETON) $(O)/gen/abi.h $(O)/gen/drivers_dir.h $(O)/gen/display_page.h $(O)/gen/catalogue_rows.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

# Replaced where it has changed: NEW, FILE
replace = if cmp -s $(1) $(2); then rm $(1); else mv $(1) $(2); printf '  %-8s %s\n' GEN $(2); fi

$(O)/gen/registry.c: scripts/registry FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; scripts/registry $(DRIVERS) >$$new && $(call replace,$$new,$@)

$(O)/gen/registry_static.c: scripts/registry FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; scripts/registry $(DRIVERS) -- $(call names,$(MODULES)) >$$new && $(call replace,$$new,$@)

$(O)/gen/registry%.o: $(O)/gen/registry%.c $(O)/flags | $(O)/deps.ok
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

$(O)/gen/registry.o: $(O)/gen/registry.c $(O)/flags | $(O)/deps.ok
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

# A module and the program that opens it must agree on these.
ABI_OF := $(sort $(wildcard userspace/include/weir/*.h userspace/*/*.h) $(filter %_table.c,$(DRIVERS)))

$(O)/gen/abi.h: FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; { echo '/* Generated by the Makefile. */'; \
	echo "#define WEIR_ABI \"$(VERSION) $$(cat $(ABI_OF) | sha256sum | cut -c 1-32)\""; } >$$new && $(call replace,$$new,$@)

# The page that weir run --http serves is a part of the program.
$(O)/gen/display_page.h: userspace/display/page.html scripts/embed
	$(call say,EMBED,$<)
	@mkdir -p $(@D)
	$(Q)scripts/embed display_page $< >$@

# The chips of weir setup.
$(O)/gen/catalogue_rows.h: sensors/catalogue scripts/catalogue
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)scripts/catalogue rows $< >$@

$(O)/gen/drivers_dir.h: FORCE
	@mkdir -p $(@D)
	@new=$@.$$$$; echo '#define WEIR_DRIVERS_DIR "$(driversdir)"' >$$new && $(call replace,$$new,$@)

$(O)/libweir.a: $(LIB_OBJ) $(O)/gen/registry_static.o
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Functions of weir that a module calls are those of the program that opens it, which therefore exports them.
module_objects = $(O)/$(filter %/$(1).o,$(MODULES:.c=.o)) $(patsubst %.c,$(O)/%.o,$(call parts_of,$(1)))
define module_rule
$(O)/drivers/$(1).so: $(call module_objects,$(1)) $(O)/gen/drivers/$(1).map
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -shared -Wl,--version-script=$(O)/gen/drivers/$(1).map $$(CFLAGS) $$(LDFLAGS) $$(filter %.o,$$^) \
		-Wl,--as-needed $(LIBS_$(1)) -lm -o $$@
endef
$(foreach name,$(call names,$(MODULES)),$(eval $(call module_rule,$(name))))

$(O)/gen/drivers/%.map:
	@mkdir -p $(@D)
	@echo '{ global: weir_module_$*; local: *; };' >$@

$(O)/gen/exports: $(MODULE_SO)
	@mkdir -p $(@D)
	@{ echo weir_state; for file in $^; do $(NM) -D -P -u $$file; done | sed -n 's/^\(weir_[a-z0-9_]*\).*/\1/p'; } | sort -u >$@

$(O)/gen/program.list: $(O)/gen/exports
	@{ echo '{'; sed 's/$$/;/' $<; echo '};'; } >$@

$(O)/gen/libweir.map: userspace/libweir.map $(O)/gen/exports
	@{ cat $<; echo 'WEIR_MODULES {'; echo 'global:'; sed -n 's/^\t\(.*\);$$/\1/p' $< | sort -u | comm -13 - $(O)/gen/exports | \
		sed 's/$$/;/'; echo '};'; } >$@

$(O)/libweir.so.$(VERSION): $(WHOLE_OBJ) $(O)/gen/libweir.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libweir.so.0 -Wl,--version-script=$(O)/gen/libweir.map $(if $(SAN),,-Wl,-z,defs) \
		$(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(WHOLE_LIBS) -o $@

$(O)/libweir.so: $(O)/libweir.so.$(VERSION)
	@ln -sf libweir.so.$(VERSION) $(O)/libweir.so.0
	@ln -sf libweir.so.0 $@

$(O)/weir: $(CLI_OBJ) $(WHOLE_OBJ) $(O)/gen/program.list
	$(call say,LD,$@)
	$(Q)$(CC) -pie -Wl,--dynamic-list=$(O)/gen/program.list $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(WHOLE_LIBS) -o $@

# In one piece where that can be had: it is started when something has died, finds no library on a slow disk then, and all that
# it loads is locked in memory.
$(O)/weir-guard: $(GUARD_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(or $(STATIC_PIE),-pie) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(LIBS_gpiod) -lm -o $@

# --- what runs in the kernel ------------------------------------------------

# As compiler and libbpf name what is built for: for hooks it is the kernel's, which on a small machine may not be the program's.
# Not each clang tells the name of the directory, but it is that of what it compiles for, without the vendor.
TARGET   := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(subst -unknown-,-,$(subst -pc-,-,$(shell $(CC) -dumpmachine))))
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
	$(Q)$(CC) -pie $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka -o $@

# It can keep verdicts out of the programs that are loaded.
$(O)/tests/unit/test_proof: override LDFLAGS += -Wl,--wrap=weir_hole_fill
# Its writer goes on while rows are decoded.
$(O)/tests/unit/test_port: override LDFLAGS += -Wl,--wrap=weir_rows_decode

# Of the tests in the rig, the one that goes on where unit tests end.
$(O)/tests/kernel/random_filters: $(O)/tests/kernel/random_filters.o $(UNIT_HELP:%.c=$(O)/%.o) $(TEST_HELP) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

# weir itself, with faults that a test asks for.
$(O)/tests/kernel/faulty_weir: $(O)/tests/kernel/faulty_weir.o $(CLI_OBJ) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=weir_hole_fill,--wrap=weir_codegen,--wrap=weir_custom_link,--wrap=weir_predicate_add_stage $^ $(LDLIBS) -o $@

# The guard's objects but guard_main.o stand in for those that the library has of it.
$(O)/tests/fuzz/fuzz_guard $(O)/tests/unit/test_guard_leases: $(filter-out $(O)/userspace/guard/guard_main.o,$(GUARD_OBJ))
$(FUZZERS): $(O)/tests/fuzz/%: $(O)/tests/fuzz/%.o $(TEST_HELP) $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(CFLAGS) $(LDFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@

$(O)/tests/%: $(O)/tests/%.o $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/examples/%: $(O)/examples/%.o $(O)/libweir.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

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

# A machine on which there is no such thing (77) is no failure; packages that cannot be installed are one.
cross = status=0; scripts/setup cross || status=$$?; case $$status in 0) $(MAKE) -k CROSS=$@ $(1) ;; \
	77) echo '0 passed, 0 failed, 1 skipped: see above' ;; *) exit $$status ;; esac

arm64: ## cross-build for arm64, unit tests and kernel tests in emulation; sets up what it needs; takes a quarter of an hour
	$(Q)$(call cross,unit kernel)

armhf: ## cross-build for armhf, 32 bits, and unit tests in emulation; sets up what it needs
	$(Q)$(call cross,unit)

debian13: ## everything on a Debian 13 that is set up beside this system: build, unit and command line there, kernel tests in the rig
	$(Q)scripts/setup trixie
	$(Q)scripts/debian 13 $(MAKE) all tools
	$(Q)WEIR_DEBIAN=13 tests/run all build

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

fuzz: ## coverage-guided fuzzing, FUZZ_SECONDS=20 for each fuzzer; FUZZ_ONLY=parse for one; builds with clang below build/fuzz
	$(Q)scripts/setup fuzz
	$(Q)$(MAKE) FUZZ=1 fuzzers
	$(Q)tests/fuzz/run build/fuzz

fuzzers: $(if $(FUZZ_ONLY),$(O)/tests/fuzz/fuzz_$(FUZZ_ONLY),$(FUZZERS))

lint: all ## shellcheck, clang-format, include rules, names and circles of files, licence lines
	$(Q)scripts/lint
	$(Q)scripts/check-cycles $(LIB_OBJ) $(GUARD_OBJ)

# --- installing -------------------------------------------------------------

# Each file as MODE:SOURCE:DIRECTORY:NAME. uninstall removes these and no others.
HEADERS  := $(addprefix userspace/include/weir/,weir.h graph.h call.h weir_tap.h display.h) bpf/weir/custom.h
MANUAL   := weir.1 weir.5
UNITS    := $(notdir $(wildcard examples/systemd/*.service))
SYSTEMD  := $(UNITS) sysusers.conf tmpfiles.conf 60-weir.rules programs.conf
DOCUMENTS := $(filter-out $(MANUAL:%=docs/%.md) docs/long-runs.md docs/mutations.md docs/rig.md,$(wildcard docs/*.md))
to_install = 755:$(O)/weir:$(bindir):weir 755:$(O)/weir-guard:$(bindir):weir-guard \
	644:$(O)/libweir.a:$(libdir):libweir.a 755:$(O)/libweir.so.$(VERSION):$(libdir):libweir.so.$(VERSION) \
	644:$(O)/weir.pc:$(libdir)/pkgconfig:weir.pc \
	$(foreach file,$(MODULE_SO),755:$(file):$(driversdir):$(notdir $(file))) \
	$(foreach file,$(HEADERS),644:$(file):$(includedir)/weir:$(notdir $(file))) \
	$(foreach unit,$(UNITS),644:$(O)/units/$(unit):$(unitdir):$(unit)) \
	644:userspace/cli/completion/weir.bash:$(bashdir):weir 644:userspace/cli/completion/weir.zsh:$(zshdir):_weir \
	644:$(O)/units/sysusers.conf:$(sysusersdir):weir.conf 644:$(O)/units/tmpfiles.conf:$(tmpfilesdir):weir.conf \
	644:$(O)/units/60-weir.rules:$(udevdir):60-weir.rules 644:$(O)/units/programs.conf:$(docdir):programs.conf \
	$(foreach file,$(DOCUMENTS),644:$(file):$(docdir):$(notdir $(file)))
man_pages  = $(foreach page,$(MANUAL),644:$(O)/man/$(page):$(mandir)/man$(patsubst .%,%,$(suffix $(page))):$(page))
own_directories = $(includedir)/weir $(driversdir) $(dir $(driversdir)) $(docdir)

part       = $(word $(1),$(subst :, ,$(2)))
place      = $(DESTDIR)$(call part,3,$(1))/$(call part,4,$(1))

define newline


endef

.PHONY: man
man: $(if $(shell command -v $(LOWDOWN)),$(MANUAL:%=$(O)/man/%)) ## the manual pages, by lowdown
	$(if $(shell command -v $(LOWDOWN)),,@echo 'weir: no manual pages: lowdown is missing (Debian package lowdown)' >&2)

# The title of the document is that of the page, so sections are one level up.
$(O)/man/%: docs/%.md
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)sed -e '/^<!--/d; /^# /d; s/^#\(#* \)/\1/' $< | $(LOWDOWN) -s -tman -M title=weir -M section=$(patsubst .%,%,$(suffix $@)) >$@

$(O)/weir.pc: FORCE
	@new=$@.$$$$; { echo 'prefix=$(prefix)'; echo 'libdir=$(libdir)'; echo 'includedir=$(includedir)'; echo; echo 'Name: weir'; \
	echo 'Description: sensors to outputs: streams, operators, kernel filters, guarded actuators'; echo 'Version: $(VERSION)'; \
	echo 'Cflags: -I$${includedir}'; echo 'Libs: -L$${libdir} -lweir'; echo 'Libs.private: $(LDLIBS) -pthread'; } >$$new && \
	$(call replace,$$new,$@)

$(O)/units/%: examples/systemd/% FORCE
	@mkdir -p $(@D)
	@sed -e 's|/usr/local/bin/|$(bindir)/|g' -e 's|^ExecPaths=-|&$(libdir) -|' $< >$@

install: all man $(O)/weir.pc $(addprefix $(O)/units/,$(SYSTEMD)) ## install programs, libraries, modules, headers, manual and systemd units
	$(foreach file,$(to_install) $(if $(shell command -v $(LOWDOWN)),$(man_pages)),\
		$(Q)install -D -m $(call part,1,$(file)) $(call part,2,$(file)) $(call place,$(file))$(newline))
	$(Q)ln -sf libweir.so.$(VERSION) $(DESTDIR)$(libdir)/libweir.so.0
	$(Q)ln -sf libweir.so.0 $(DESTDIR)$(libdir)/libweir.so
	$(if $(DESTDIR),,$(Q)ldconfig 2>/dev/null || echo 'weir: run ldconfig as root, so that programs find libweir.so' >&2)

uninstall: ## remove the files that install puts there, with the same prefix
	$(foreach file,$(to_install) $(man_pages),$(Q)rm -f $(call place,$(file))$(newline))
	$(Q)rm -f $(DESTDIR)$(libdir)/libweir.so $(DESTDIR)$(libdir)/libweir.so.0
	$(if $(DESTDIR),$(foreach directory,$(sort $(foreach file,$(to_install) $(man_pages),$(call part,3,$(file)))),\
		$(Q)[ ! -d $(DESTDIR)$(directory) ] || \
			{ cd $(DESTDIR)/ && rmdir -p --ignore-fail-on-non-empty $(patsubst /%,%,$(directory)); }$(newline)))
	$(foreach directory,$(own_directories),$(Q)[ ! -d $(DESTDIR)$(directory) ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(directory)$(newline))
	$(if $(DESTDIR),,$(Q)ldconfig 2>/dev/null || true)

.PHONY: deb
deb: ## Debian packages of this tree, below build/deb; needs debhelper
	$(Q)scripts/make-deb

format: ## clang-format on all C files
	$(Q)find userspace sensors actuators bpf tests examples -name '*.[ch]' | xargs clang-format -i

clean: ## remove build/
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(GUARD_OBJ:.o=.d) $(BPF_SRC:%.bpf.c=$(O)/%.bpf.d) $(UNIT:=.d) $(UNIT_HELP:%.c=$(O)/%.d) \
	$(RIG_TOOLS:=.d) $(KERNEL:=.d) $(BENCH:=.d) $(FUZZERS:=.d) $(EXAMPLES:=.d) $(FILTERS:.o=.d) $(TEST_HELP:.o=.d)
