# SPDX-License-Identifier: GPL-2.0-only
#
# lkvm's build. Objects per room below; everything else is rules.
#
#   make                the binary ./lkvm
#   make lkvm-static    ./lkvm-static, without shared libraries
#   make test T=hw/rtc  build and run one unit test
#   make quick          the tests of a minute: unit tests, a dozen payloads, lints
#   make check          all tests that take minutes; make check-long: the rest
#   make demo           boot a real distribution kernel
#   make bench          what a boot costs (bench/README.md)
#   make fuzz           build the fuzz targets (clang); FUZZ_SECONDS=600 make fuzz-run
#   make deps           install the Debian packages of packages.list; deps-demo: what the demo
#                       needs of them; deps-build: what the build needs
#   make install        DESTDIR, prefix, unitdir
#   CC=clang, SAN=1 (ASan + UBSan), TSAN=1, V=1, WERROR= (warnings do not stop the build)

ARCH  ?= x86
prefix ?= /usr/local
unitdir ?= $(prefix)/lib/systemd
ifeq ($(origin CC),default)
CC := gcc
endif

# ---- rooms -------------------------------------------------------------------

OBJS-main := main.o kvm.o kvm-cpu.o builtin-run.o builtin-stop.o builtin-pause.o builtin-list.o \
	     builtin-stat.o builtin-logs.o builtin-wait.o builtin-console.o builtin-balloon.o \
	     builtin-debug.o builtin-version.o builtin-help.o
OBJS-core := $(addprefix core/,config.o ioctl.o event.o heard.o park.o exit.o exit-names.o end.o \
	     power.o halt.o freeze.o reset.o pause.o own-init.o gmem.o bus.o irq.o irq-pin.o \
	     irq-line.o device.o phase.o)
OBJS-x86  := $(addprefix x86/,machine.o cpu.o cpuid.o cpuid-leaves.o dump.o debug.o pagewalk.o \
	     boot.o params.o pvh.o mbinfo.o e820.o entry.o clock.o bios.o bios-code.o warm.o \
	     board.o lines.o kernel-limits.o)
OBJS-boot := $(addprefix boot/,image.o bzimage.o elf.o kaslr.o initrd.o release.o limits.o \
	     foreign.o multiboot.o search.o symbols.o cache.o cache-check.o cache-room.o \
	     unpack.o unpack-stream.o)
OBJS-firmware := $(addprefix firmware/,acpi.o acpi-table.o aml.o mptable.o smbios.o vmgenid.o)
OBJS-pci  := $(addprefix pci/,pci.o bar.o map.o msix.o place.o)
OBJS-hw   := $(addprefix hw/,serial.o serial-console.o serial-pty.o rtc.o i8042.o reset-port.o \
	     acpi-pm.o pvpanic.o exit-port.o status-port.o)
OBJS-virtio-core := $(addprefix virtio/,core.o regs.o lend.o queue.o)
OBJS-virtio := $(OBJS-virtio-core) $(addprefix virtio/,transport.o pci.o mmio.o rng.o blk.o \
	       console.o balloon.o balloon-control.o)
OBJS-disk := $(addprefix disk/,disk.o request.o open.o option.o format.o file.o lock.o order.o \
	     raw.o overlay.o engine-threads.o)
OBJS-console := $(addprefix console/,console.o log.o view.o term.o)
OBJS-control := $(addprefix control/,socket.o commands.o debug.o name.o detach.o detached-log.o \
	     notify.o signals.o runtime-dir.o remains.o)
OBJS-client := $(addprefix client/,connection.o select.o debug-show.o debug-symbols.o)
OBJS-report := $(addprefix report/,result.o trace.o trace-forms.o budget.o lines.o kernel-lines.o)
OBJS-guest := $(addprefix guest/,initramfs.o modules.o modules-table.o cpio.o cmdline.o root.o \
	      shell-parse.o)
OBJS-util := $(addprefix util/,init.o log.o options.o options-help.o option-groups.o parse.o \
	     loop.o iov.o util.o json-file.o thread.o workers.o writer.o ring.o cancel.o trust.o \
	     printable.o feature.o output.o)

# ---- flags -------------------------------------------------------------------

WARN := -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
# clang: the kernel's ioctl structures end in an array, and we put its elements behind them.
WARN += -Wno-gnu-variable-sized-type-not-at-end
# WERROR= builds with a compiler that is newer than this code and warns of more.
WERROR ?= -Werror
WARN += $(WERROR)
CFLAGS   ?= -O2 -g
override CPPFLAGS += -D_GNU_SOURCE -Iinclude -I.
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(SANITIZE-$(VARIANT)) -fno-strict-aliasing \
	     -fstack-protector-strong -fvisibility=hidden -pthread

VARIANT := $(if $(SAN),san,$(if $(TSAN),tsan,release))
SANITIZE-san := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE-tsan := -O1 -fsanitize=thread
BUILD := build/$(VARIANT)-$(notdir $(CC))
Q := $(if $(V),,@)

# Libraries: found with pkg-config; an optional one that is missing is named once.
PKG_CONFIG ?= pkg-config
optional = $(if $(filter 0,$(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null; echo $$?)),$(1),$(info \
	   note: $(1) not found: $(2) is left out; install $(3)))
# One that has no .pc file everywhere (Debian 12's bzip2): a function of it is linked.
links = $(filter 0,$(shell echo 'char $(2)(void); int main(void) { return $(2)(); }' | \
	$(CC) -x c - -o /dev/null -l$(1) 2>/dev/null; echo $$?))
linkable = $(if $(call links,$(1),$(2)),$(1),$(info \
	   note: lib$(1) not found: $(3) is left out; install $(4)))
have = $(if $(filter $(1),$(LIBS-found) $(LIBS-linked)),-DHAVE_$(2))
# jansson is mandatory, but not for `make deps` and `make clean`: the first compilation fails.
has-jansson := $(filter 0,$(shell $(PKG_CONFIG) --exists jansson 2>/dev/null; echo $$?))
links-jansson := $(if $(has-jansson),,$(call links,jansson,json_object))
need-jansson = $(if $(has-jansson)$(links-jansson),,$(error jansson is missing: install \
	       libjansson-dev, or all that the build needs by 'make deps-build'))

LIBS-found := $(if $(has-jansson),jansson) \
	      $(call optional,zlib,unpacking gzip kernels,zlib1g-dev) \
	      $(call optional,liblzma,unpacking lzma and xz kernels,liblzma-dev) \
	      $(call optional,lzo2,unpacking lzo kernels,liblzo2-dev) \
	      $(call optional,liblz4,unpacking lz4 kernels,liblz4-dev) \
	      $(call optional,libzstd,unpacking zstd kernels,libzstd-dev) \
	      $(call optional,libsodium,keeping unpacked kernels,libsodium-dev) \
	      $(call optional,liburing,disks by io_uring,liburing-dev) \
	      $(call optional,blkid,finding the root file system,libblkid-dev)
LIBS-found := $(strip $(LIBS-found))
LIBS-linked := $(if $(links-jansson),jansson) \
	       $(call linkable,bz2,BZ2_bzlibVersion,unpacking bzip2 kernels,libbz2-dev) \
	       $(call linkable,aio,io_setup,disks by Linux AIO,libaio-dev)
LIBS-linked := $(strip $(LIBS-linked))
MUSL := $(notdir $(shell command -v musl-gcc || echo 'note: musl-gcc not found: lkvm is built' \
	'without its init (no --exec, no root without an initrd); install musl-tools' >&2))
# For the tests, which pack what lkvm is to unpack.
HAVE := $(strip $(call have,zlib,ZLIB) $(call have,bz2,BZIP2) $(call have,liblzma,LZMA) \
	$(call have,lzo2,LZO) $(call have,liblz4,LZ4) $(call have,libzstd,ZSTD))
override CPPFLAGS += $(if $(LIBS-found),$(shell $(PKG_CONFIG) --cflags $(LIBS-found)))
LDLIBS := $(if $(LIBS-found),$(shell $(PKG_CONFIG) --libs $(LIBS-found))) $(LIBS-linked:%=-l%)
LDLIBS-static := $(if $(LIBS-found),$(shell $(PKG_CONFIG) --static --libs $(LIBS-found))) \
		 $(LIBS-linked:%=-l%)

# What needs an optional library is a file of its own, which is compiled if the library is there.
# Other files see whether it is by the address of its symbols: include/kvm/feature.h.
with = $(if $(filter $(1),$(LIBS-found) $(LIBS-linked)),$(2))
OBJS-boot-unpack := $(call with,zlib,boot/unpack-gzip.o) $(call with,bz2,boot/unpack-bzip2.o) \
		    $(call with,liblzma,boot/unpack-xz.o) $(call with,lzo2,boot/unpack-lzo.o) \
		    $(call with,liblz4,boot/unpack-lz4.o) $(call with,libzstd,boot/unpack-zstd.o)
OBJS-boot-cache := $(call with,libsodium,boot/cache-hash.o)
OBJS-boot += $(OBJS-boot-unpack) $(OBJS-boot-cache)
OBJS-disk += $(call with,liburing,disk/engine-uring.o) $(call with,aio,disk/engine-aio.o)
OBJS-guest += $(call with,blkid,guest/root-probe.o) $(if $(MUSL),guest/init-blob.o)

OBJS := $(OBJS-main) $(OBJS-core) $(OBJS-$(ARCH)) $(OBJS-boot) $(OBJS-firmware) $(OBJS-pci) \
	$(OBJS-hw) $(OBJS-virtio) $(OBJS-disk) $(OBJS-console) $(OBJS-control) $(OBJS-client) \
	$(OBJS-report) $(OBJS-guest) $(OBJS-util)

# ---- the binary --------------------------------------------------------------

BIN := $(if $(filter release,$(VARIANT)),lkvm,$(BUILD)/lkvm)

all: $(BIN)

$(BIN): $(addprefix $(BUILD)/,$(OBJS))
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

lkvm-static: $(addprefix $(BUILD)/,$(OBJS))
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -static -o $@ $^ $(LDLIBS-static)

# One build folder per set of flags would be many; instead objects depend on the flags.
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.S $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# lkvm's init, which runs in the guest: a program of its own, small because of musl. Without
# musl-gcc, lkvm is built without it.
INIT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Os $(WARN) -static -s -fno-asynchronous-unwind-tables
INIT_SOURCES := $(addprefix guest/,init.c init-status.c init-exec.c init-console.c init-root.c \
		cmdline.c shell.c shell-parse.c shell-expand.c shell-run.c shell-test.c)
INIT_HEADERS := $(addprefix guest/,init.h cmdline.h shell-parse.h shell-run.h)
build/guest/init: $(INIT_SOURCES) $(INIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  MUSL    $@"
	$(Q)$(MUSL) $(INIT_CFLAGS) -o $@ $(filter %.c,$^)

$(BUILD)/guest/init-blob.o: $(if $(MUSL),build/guest/init)

# `lkvm version` shows the commit: git knows it in a clone, and the file .commit in an archive made
# by `git archive`; otherwise none is shown. commit.h is written only when the commit has changed,
# so that builtin-version.o is compiled again only then, and no other object is.
$(BUILD)/builtin-version.o: $(BUILD)/commit.h
$(BUILD)/builtin-version.o: override CPPFLAGS += -include $(BUILD)/commit.h

$(BUILD)/commit.h: FORCE
	@mkdir -p $(@D)
	@commit=; \
	if top=$$(git rev-parse --show-cdup 2>/dev/null) && [ -z "$$top" ]; then \
		commit=$$(git --no-optional-locks describe --always --dirty --abbrev=12 \
			2>/dev/null); \
	else \
		commit=$$(sed -nE 's/^([0-9a-f]{12})[0-9a-f]*$$/\1/p' .commit 2>/dev/null); \
	fi; \
	echo "#define LKVM_COMMIT \"$${commit:+, commit $$commit}\"" >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(BUILD)/tests/%.o: override CPPFLAGS += $(HAVE)

FLAGS := $(CC) $(CPPFLAGS) $(HAVE) $(ALL_CFLAGS)
$(BUILD)/flags: FORCE
	$(need-jansson)
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

include tests/tests.mk

# The sections of packages.list that a target installs; an empty list is all of them
deps-build: SECTIONS := build
deps-demo: SECTIONS := build demo
deps deps-build deps-demo:
	packages="$$(awk -v want=' $(SECTIONS) ' '/^#/ || !NF { next } \
		/^\[/ { section = substr($$0, 2, length($$0) - 2); next } \
		want ~ /^ *$$/ || index(want, " " section " ")' packages.list)"; \
	apt-get update && DEBIAN_FRONTEND=noninteractive \
	apt-get install -y --no-install-recommends $$packages

install: $(BIN)
	install -D -m 755 $(BIN) $(DESTDIR)$(prefix)/bin/lkvm
	install -D -m 644 docs/lkvm.1 $(DESTDIR)$(prefix)/share/man/man1/lkvm.1
	install -D -m 644 docs/control.md $(DESTDIR)$(prefix)/share/doc/lkvm/control.md
	install -D -m 644 docs/lkvm.bash-completion \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/lkvm
	for kind in system user; do sed 's|@prefix@|$(prefix)|' docs/lkvm@.service.in | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(unitdir)/$$kind/lkvm@.service; done

# For scripts: make -s print-UNIT
print-%:
	@echo $($*)

clean:
	rm -rf build lkvm lkvm-static

FORCE:
.PHONY: all deps deps-build deps-demo install clean FORCE
