# SPDX-License-Identifier: GPL-2.0-only
#
# Tests: a line a unit test says which objects it pins, besides util/, core/config.o and cmocka.
# A test is tests/ROOM/test-NAME.c; its objects are the real ones, and tests/lib's fakes.

FAKE := tests/lib/fake-machine.o tests/lib/fake-board.o tests/lib/patience.o x86/board.o \
	x86/lines.o $(addprefix core/,bus.o device.o irq-pin.o irq-line.o own-init.o)
LINES := $(addprefix report/,lines.o kernel-lines.o) $(addprefix core/,heard.o end.o park.o phase.o)
CONSOLE := $(addprefix console/,console.o log.o term.o) $(LINES) core/device.o core/own-init.o
PCI := pci/place.o pci/pci.o pci/bar.o pci/map.o hw/reset-port.o
BIOS := x86/bios.o x86/bios-code.o x86/e820.o core/gmem.o
UNPACK := $(addprefix boot/,unpack.o unpack-stream.o) $(OBJS-boot-unpack)
CACHE := $(addprefix boot/,cache.o cache-check.o cache-room.o) $(OBJS-boot-cache)
IMAGE := $(addprefix boot/,image.o foreign.o bzimage.o elf.o kaslr.o initrd.o multiboot.o) \
	 x86/e820.o x86/kernel-limits.o core/gmem.o $(UNPACK) $(CACHE)

VIRTIO := $(OBJS-virtio-core) tests/lib/fake-virtio.o core/gmem.o $(FAKE)

unit = $(eval UNIT += $(strip $(1)))$(eval OBJS-$(strip $(1)) := $(2))

$(call unit, boot/test-cache, $(CACHE) $(UNPACK))
$(call unit, boot/test-cache-room, $(CACHE) $(UNPACK))
$(call unit, util/test-cancel)
$(call unit, lib/test-patience)
$(call unit, util/test-init)
$(call unit, util/test-iov)
$(call unit, client/test-connection, client/connection.o control/runtime-dir.o)
$(call unit, util/test-log)
$(call unit, util/test-loop)
$(call unit, util/test-loop-wake)
$(call unit, util/test-options)
$(call unit, util/test-output)
$(call unit, util/test-parse)
$(call unit, util/test-printable)
$(call unit, boot/test-symbols, boot/symbols.o)
$(call unit, util/test-ring)
$(call unit, util/test-thread)
$(call unit, util/test-workers)
$(call unit, util/test-trust)
$(call unit, boot/test-unpack, $(UNPACK))
$(call unit, util/test-util)
$(call unit, util/test-writer)
$(call unit, report/test-budget, report/budget.o)
$(call unit, core/test-bus, core/bus.o)
$(call unit, console/test-console, $(CONSOLE))
$(call unit, console/test-console-end, $(CONSOLE))
$(call unit, console/test-console-lines, $(CONSOLE))
$(call unit, console/test-console-sink, $(CONSOLE))
$(call unit, console/test-log, console/log.o)
$(call unit, core/test-device, core/device.o)
$(call unit, core/test-gmem, core/gmem.o)
$(call unit, control/test-name, control/name.o control/runtime-dir.o)
$(call unit, control/test-detached-log, control/detached-log.o control/runtime-dir.o \
	control/remains.o)
$(call unit, core/test-event, core/event.o core/heard.o)
$(call unit, core/test-ioctl, core/ioctl.o)
$(call unit, core/test-irq, core/irq.o core/irq-line.o x86/machine.o x86/lines.o)
$(call unit, core/test-irq-pin, $(FAKE))
$(call unit, report/test-kernel-lines, report/kernel-lines.o core/heard.o)
$(call unit, boot/test-search, boot/search.o)
$(call unit, core/test-kvm-cpu, kvm-cpu.o core/park.o core/phase.o)
$(call unit, core/test-end, core/end.o)
$(call unit, core/test-power, core/power.o core/end.o core/event.o tests/lib/fake-clock.o)
$(call unit, core/test-exit, core/exit.o core/exit-names.o)
$(call unit, control/test-signals, control/signals.o)
$(call unit, core/test-halt, core/halt.o tests/lib/fake-clock.o)
$(call unit, control/test-socket, control/socket.o core/event.o control/runtime-dir.o)
$(call unit, core/test-pause, $(addprefix core/,pause.o freeze.o event.o device.o) \
	tests/lib/fake-clock.o)
$(call unit, core/test-reset, core/reset.o core/freeze.o core/event.o core/device.o)
$(call unit, report/test-lines, $(LINES))
$(call unit, control/test-notify, control/notify.o)
$(call unit, core/test-own-init, core/own-init.o)
$(call unit, core/test-phase, core/phase.o)
$(call unit, report/test-result, report/result.o $(LINES) core/exit-names.o)
$(call unit, report/test-trace, report/trace.o report/trace-forms.o core/exit-names.o core/bus.o)
$(call unit, disk/test-disk, $(OBJS-disk))
$(call unit, disk/test-file, $(OBJS-disk))
$(call unit, disk/test-format, $(OBJS-disk))
$(call unit, disk/test-lock, $(OBJS-disk))
$(call unit, disk/test-open, $(OBJS-disk))
$(call unit, disk/test-order, $(OBJS-disk))
$(call unit, disk/test-overlay, $(OBJS-disk))
$(call unit, disk/test-option, $(OBJS-disk))
$(call unit, disk/test-engines, $(OBJS-disk))
$(call unit, disk/test-raw, $(OBJS-disk))
$(call unit, golden/test-init-order, $(filter-out main.o,$(OBJS)))
$(call unit, golden/test-help-run, $(filter-out main.o,$(OBJS)))
$(call unit, guest/test-cmdline, guest/cmdline.o)
$(call unit, guest/test-cpio, guest/cpio.o)
$(call unit, guest/test-shell, $(addprefix guest/,shell.o shell-parse.o shell-expand.o \
	shell-run.o shell-test.o))
$(call unit, guest/test-shell-parse, guest/shell-parse.o)
$(call unit, guest/test-initramfs, $(OBJS-guest) core/own-init.o $(UNPACK))
$(call unit, guest/test-modules, guest/modules.o guest/modules-table.o $(UNPACK))
$(call unit, guest/test-root, guest/root.o $(filter guest/root-probe.o,$(OBJS-guest)))
$(call unit, hw/test-acpi-pm, hw/acpi-pm.o $(FAKE))
$(call unit, hw/test-i8042, hw/i8042.o $(FAKE))
$(call unit, pci/test-msix, pci/msix.o $(PCI) $(FAKE))
$(call unit, pci/test-pci, $(PCI) $(FAKE))
$(call unit, pci/test-bar, $(PCI) $(FAKE))
$(call unit, hw/test-ports, $(PCI) hw/exit-port.o hw/pvpanic.o $(FAKE))
$(call unit, hw/test-rtc, hw/rtc.o hw/acpi-pm.o $(FAKE))
$(call unit, hw/test-serial, hw/serial.o hw/serial-console.o $(FAKE))
$(call unit, hw/test-serial-pause, hw/serial.o hw/serial-console.o $(FAKE))
$(call unit, hw/test-serial-state, hw/serial.o hw/serial-console.o $(FAKE))
$(call unit, hw/test-serial-pty, hw/serial.o hw/serial-console.o hw/serial-pty.o $(FAKE))
$(call unit, hw/test-status-port, hw/serial.o hw/serial-console.o hw/status-port.o $(FAKE))
$(call unit, kvm/test-bios, $(BIOS) kvm.o \
	$(addprefix core/,ioctl.o irq.o irq-line.o bus.o) x86/machine.o x86/lines.o)
$(call unit, kvm/test-irqfd, kvm.o $(addprefix core/,ioctl.o irq.o irq-line.o bus.o gmem.o) \
	x86/machine.o x86/lines.o)
$(call unit, virtio/test-blk, virtio/blk.o $(OBJS-disk) $(VIRTIO))
$(call unit, virtio/test-blk-host, virtio/blk.o $(OBJS-disk) $(VIRTIO))
$(call unit, virtio/test-balloon, virtio/balloon.o $(VIRTIO))
$(call unit, virtio/test-console, virtio/console.o $(VIRTIO))
$(call unit, virtio/test-core, $(VIRTIO))
$(call unit, virtio/test-core-machine, $(VIRTIO))
$(call unit, virtio/test-lend, $(VIRTIO))
$(call unit, virtio/test-mmio, $(OBJS-virtio-core) virtio/mmio.o core/gmem.o $(FAKE))
$(call unit, virtio/test-pci, $(OBJS-virtio-core) virtio/pci.o pci/msix.o core/gmem.o $(PCI) \
	$(FAKE))
$(call unit, virtio/test-queue, virtio/queue.o core/gmem.o)
$(call unit, virtio/test-rng, virtio/rng.o $(VIRTIO))
$(call unit, firmware/test-acpi, firmware/acpi.o firmware/acpi-table.o firmware/aml.o \
	core/gmem.o core/device.o)
$(call unit, firmware/test-aml, firmware/aml.o)
$(call unit, x86/test-bios, $(BIOS))
$(call unit, boot/test-bzimage, boot/bzimage.o)
$(call unit, boot/test-limits, boot/limits.o)
$(call unit, x86/test-cpuid, x86/cpuid.o x86/cpuid-leaves.o)
$(call unit, x86/test-cpuid-leaves, x86/cpuid-leaves.o)
$(call unit, x86/test-e820, x86/e820.o core/gmem.o)
$(call unit, boot/test-elf, boot/elf.o)
$(call unit, boot/test-elf-program, boot/elf.o)
$(call unit, boot/test-image, $(IMAGE))
$(call unit, boot/test-image-packed, $(IMAGE))
$(call unit, boot/test-foreign, boot/foreign.o)
$(call unit, boot/test-initrd, boot/initrd.o core/gmem.o)
$(call unit, firmware/test-mptable, firmware/mptable.o firmware/acpi.o firmware/acpi-table.o \
	firmware/aml.o core/irq-line.o x86/lines.o \
	core/gmem.o core/device.o)
$(call unit, boot/test-release, boot/release.o boot/elf.o)
$(call unit, firmware/test-smbios, firmware/smbios.o core/gmem.o core/device.o)
$(call unit, firmware/test-vmgenid, firmware/vmgenid.o core/gmem.o core/device.o)
$(call unit, boot/test-kaslr, boot/kaslr.o boot/elf.o core/gmem.o)
$(call unit, boot/test-multiboot, boot/multiboot.o)
$(call unit, x86/test-mbinfo, x86/mbinfo.o boot/elf.o x86/e820.o core/gmem.o)
$(call unit, x86/test-pagewalk, x86/pagewalk.o core/gmem.o)
$(call unit, x86/test-params, x86/params.o x86/e820.o core/gmem.o)
$(call unit, x86/test-pvh, x86/pvh.o x86/e820.o core/gmem.o)

# What threads touch runs under TSAN=1 as well.
UNIT-threads := util/test-loop util/test-loop-wake util/test-thread util/test-workers \
		util/test-writer \
		hw/test-serial hw/test-rtc hw/test-acpi-pm pci/test-msix pci/test-pci pci/test-bar \
		core/test-bus \
		console/test-console console/test-console-lines console/test-console-sink \
		core/test-irq-pin core/test-kvm-cpu control/test-socket \
		core/test-phase \
		report/test-trace
UNIT-threads += virtio/test-console virtio/test-core virtio/test-core-machine virtio/test-mmio
UNIT-threads += virtio/test-lend virtio/test-pci virtio/test-blk-host
UNIT-threads += virtio/test-rng console/test-log control/test-detached-log hw/test-serial-pty
UNIT-threads += disk/test-disk disk/test-file disk/test-engines virtio/test-blk
UNIT-threads += disk/test-order disk/test-overlay

UNIT-BINS := $(addprefix $(BUILD)/tests/,$(UNIT))

# What each unit test links
UNIT-LIB := tests/lib/log-record.o tests/lib/patience.o

define unit-rule
$(BUILD)/tests/$(1): $(addprefix $(BUILD)/,tests/$(1).o $(OBJS-$(1)) $(OBJS-util) core/config.o \
		$(UNIT-LIB))
	@echo "  LD      $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka $(LDLIBS)
endef
$(foreach test,$(UNIT),$(eval $(call unit-rule,$(test))))

# make test T=hw/rtc: build and run this one (hw/test-rtc and tests/hw/test-rtc.c name it as well)
T-path := $(patsubst tests/%,%,$(basename $(T)))
T-word := $(patsubst test-%,%,$(notdir $(T-path)))
T-test := $(filter $(dir $(T-path))test-$(T-word),$(UNIT))
T-like := $(foreach test,$(if $(T-word),$(UNIT)),\
	  $(if $(findstring $(T-word),$(notdir $(test))),$(test)))
T-near := $(or $(strip $(T-like)),$(filter $(T-path)/% $(dir $(T-path))%,$(UNIT)))

test: $(if $(T-test),$(BUILD)/tests/$(T-test))
	$(if $(T),,$(error which unit test? make test T=hw/rtc; make -s print-UNIT lists all))
	$(if $(T-test),,$(error no unit test '$(T)'; $(if $(T-near),near: $(T-near); )make -s \
		print-UNIT lists all))
	$(Q)$<

unit-tests: $(UNIT-BINS)
unit-tests-threads: $(addprefix $(BUILD)/tests/,$(UNIT-threads))

# ---- fuzzing (clang's libFuzzer) ---------------------------------------------

fuzz = $(eval FUZZ += $(strip $(1)))$(eval FUZZ-OBJS-$(strip $(1)) := $(2))

$(call fuzz, fuzz-options)
$(call fuzz, fuzz-serial, hw/serial.o hw/serial-console.o $(FAKE))
$(call fuzz, fuzz-pci, pci/msix.o $(PCI) $(FAKE))
$(call fuzz, fuzz-queue, virtio/queue.o core/gmem.o)
$(call fuzz, fuzz-virtio, $(OBJS-virtio-core) virtio/mmio.o virtio/pci.o pci/msix.o core/gmem.o \
	$(PCI) $(FAKE))
$(call fuzz, fuzz-bzimage, boot/bzimage.o)
$(call fuzz, fuzz-unpack, $(UNPACK))
$(call fuzz, fuzz-cache, $(CACHE) $(UNPACK))
$(call fuzz, fuzz-elf, boot/elf.o)
$(call fuzz, fuzz-kaslr, boot/kaslr.o boot/elf.o core/gmem.o)
$(call fuzz, fuzz-mptable, core/irq-line.o x86/lines.o firmware/mptable.o core/gmem.o \
	core/device.o)
$(call fuzz, fuzz-multiboot, boot/multiboot.o)
$(call fuzz, fuzz-ipc, core/event.o control/socket.o control/commands.o control/debug.o \
	control/runtime-dir.o core/device.o core/exit-names.o core/gmem.o)
$(call fuzz, fuzz-modules, guest/modules.o guest/modules-table.o $(UNPACK))
$(call fuzz, fuzz-lines, $(LINES))
$(call fuzz, fuzz-symbols, boot/symbols.o)
$(call fuzz, fuzz-devices, virtio/balloon.o virtio/console.o virtio/queue.o core/gmem.o)
$(call fuzz, fuzz-blk, virtio/blk.o virtio/queue.o core/gmem.o $(OBJS-disk))

FUZZ-BINS := $(addprefix build/fuzz/,$(FUZZ))
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS := -std=gnu11 $(WARN) -g -O1 -pthread -fsanitize=fuzzer,address,undefined \
	       -fno-sanitize-recover=all

build/fuzz/obj/%.o: %.c build/fuzz/obj/flags
	@mkdir -p $(@D)
	@echo "  FUZZ-CC $<"
	$(Q)clang $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

FUZZ_FLAGS := $(CPPFLAGS) $(FUZZ_CFLAGS)
build/fuzz/obj/flags: FORCE
	$(need-jansson)
	@mkdir -p $(@D)
	@echo '$(FUZZ_FLAGS)' | cmp -s - $@ || echo '$(FUZZ_FLAGS)' > $@

-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

define fuzz-rule
build/fuzz/$(1): $(addprefix build/fuzz/obj/,tests/fuzz/$(1).o $(FUZZ-OBJS-$(1)) $(OBJS-util) \
		core/config.o)
	@echo "  FUZZ-LD $$@"
	$(Q)clang $(FUZZ_CFLAGS) -o $$@ $$^ $(LDLIBS)
endef
$(foreach target,$(FUZZ),$(eval $(call fuzz-rule,$(target))))

fuzz: $(FUZZ-BINS)

# The committed corpora, unpacked: tests/fuzz/corpus/NAME.tar (tests/fuzz/pack adds inputs).
COMMITTED := build/fuzz/corpus-committed
$(COMMITTED)/%: tests/fuzz/corpus/%.tar
	@rm -rf $@ && mkdir -p $@
	$(Q)tar -x -f $< -C $@
	@touch $@

fuzz-corpus: $(addprefix $(COMMITTED)/,$(FUZZ))

# Each target on its committed corpus and on; new inputs land in build/fuzz/corpus. With -j
# several run at once. fuzz-keep-NAME adds to the committed corpus those that reach new code.
define fuzz-run-rule
fuzz-run-$(1): build/fuzz/$(1) $(COMMITTED)/$(1)
	@mkdir -p build/fuzz/corpus/$(1)
	@if build/fuzz/$(1) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		build/fuzz/corpus/$(1) $(COMMITTED)/$(1) >build/fuzz/$(1).log 2>&1; then \
		echo "ok - $(1): $(FUZZ_SECONDS) s, last new coverage after" \
			"$$$$(tests/fuzz/last-new build/fuzz/$(1).log) runs"; \
	else \
		echo "not ok - $(1): see build/fuzz/$(1).log"; exit 1; \
	fi

fuzz-keep-$(1): build/fuzz/$(1) $(COMMITTED)/$(1)
	@rm -rf build/fuzz/merged && cp -r $(COMMITTED)/$(1) build/fuzz/merged
	$(Q)build/fuzz/$(1) -merge=1 build/fuzz/merged build/fuzz/corpus/$(1) \
		>build/fuzz/$(1).log 2>&1 || { tail -n 5 build/fuzz/$(1).log; exit 1; }
	$(Q)find build/fuzz/merged -type f -exec tests/fuzz/pack $(1) {} +
endef
$(foreach target,$(FUZZ),$(eval $(call fuzz-run-rule,$(target))))

fuzz-run: $(addprefix fuzz-run-,$(FUZZ))

# ---- payloads: guests without a kernel, and the tests that run them -------------

# build/guest/NAME.bin is a bzImage made of tests/guest/; it runs at CPL 3, see start.S.
PAYLOADS := build/guest/payload.bin
PAYLOAD_OBJS := $(addprefix build/guest/,start.o payload.o lib.o acpi.o pci.o rng.o virtio.o \
		virtio-rules.o blk.o balloon.o debug.o status.o smp.o)
PAYLOAD_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Werror -ffreestanding -fno-builtin \
		  -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -mno-red-zone \
		  -mno-sse -mno-mmx -fno-strict-aliasing -fno-asynchronous-unwind-tables

build/guest/%.o: tests/guest/%.c tests/guest/lib.h tests/guest/pci.h tests/guest/virtio.h \
		tests/guest/debug.h tests/guest/smp.h tests/lib/virtq-driver.h
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(PAYLOAD_CFLAGS) -c -o $@ $<

build/guest/%.o: tests/guest/%.S
	@mkdir -p $(@D)
	@echo "  AS      $@"
	$(Q)$(CC) -c -o $@ $<

build/guest/payload.bin: tests/guest/payload.ld $(PAYLOAD_OBJS)
	@echo "  LD      $@"
	$(Q)$(LD) -nostdlib -static --no-warn-rwx-segments -o build/guest/payload.elf -T $^
	$(Q)$(OBJCOPY) -O binary build/guest/payload.elf $@

OBJCOPY ?= objcopy

# build/guest/{multiboot*,pvh}.elf and forms.bin: tests/guest/forms.S says what they are.
FORMS := multiboot multiboot-low pvh
FORM_FILES := $(patsubst %,build/guest/%.elf,$(FORMS) multiboot64) build/guest/forms.bin \
	      build/guest/warm.bin
$(patsubst %,build/guest/%.elf,$(FORMS)): tests/guest/forms.S
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -m32 -c -D$(if $(findstring pvh,$@),PVH,MULTIBOOT) \
		$(if $(findstring low,$@),-DLOW) -o $(@:.elf=.o) $<
	$(Q)$(LD) -m elf_i386 -nostdlib -static -Ttext=$(if $(findstring low,$@),0x500,0x100000) \
		--section-start=.note=0x102000 --no-warn-rwx-segments -N -o $@ $(@:.elf=.o)

build/guest/multiboot64.elf: build/guest/multiboot.elf
	$(Q)$(OBJCOPY) -O elf64-x86-64 $< $@

build/guest/forms.bin: tests/guest/forms.S
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -m32 -c -DBZIMAGE -o build/guest/forms.o $<
	$(Q)$(OBJCOPY) -O binary -j .text build/guest/forms.o $@

build/guest/warm.bin: tests/guest/warm.S
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -m32 -c -o build/guest/warm.o $<
	$(Q)$(OBJCOPY) -O binary -j .text build/guest/warm.o $@

payloads: $(PAYLOADS) $(FORM_FILES)

build/e2e/pty: tests/lib/pty.c tests/lib/patience.c tests/lib/patience.h
build/e2e/clients: tests/e2e/clients.c tests/lib/patience.c tests/lib/patience.h
build/e2e/pty build/e2e/clients:
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -I. -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -o $@ $(filter %.c,$^)

build/e2e/json: tests/e2e/json.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -std=gnu11 $(WARN) -O2 -o $@ $< $(LDLIBS)

build/e2e/forbid: tests/e2e/forbid.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -std=gnu11 $(WARN) -O2 -o $@ $<

build/e2e/latency: tests/e2e/latency.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -o $@ $<

build/e2e/hang.so: tests/e2e/hang.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -fPIC -shared -o $@ $<

e2e-tools: payloads build/e2e/pty build/e2e/clients build/e2e/forbid build/e2e/hang.so \
	   build/e2e/latency build/e2e/json

# E2E=FILTER picks tests by a regular expression over GROUP/NAME.
e2e: $(BIN) e2e-tools
	$(Q)LKVM=$(abspath $(BIN)) tests/e2e/run '$(E2E)'

# The same lkvm, but the modules of each level come up in the reverse order: no test may notice.
$(BUILD)/lkvm-reversed: $(addprefix $(BUILD)/,$(OBJS) tests/lib/init-reversed.o)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

e2e-reversed: $(BUILD)/lkvm-reversed e2e-tools
	$(Q)LKVM=$(abspath $(BUILD)/lkvm-reversed) tests/e2e/run '$(E2E)'

# ---- everything --------------------------------------------------------------

quick:
	$(Q)tests/check --quick

check: $(BIN)
	$(Q)tests/check

check-long: $(BIN)
	$(Q)tests/check --long

demo: $(BIN)
	$(Q)tests/lab/demo ./$(BIN)

bench: $(BIN) lkvm-static
	$(Q)bench/run

.PHONY: test unit-tests unit-tests-threads fuzz fuzz-corpus fuzz-run
.PHONY: $(addprefix fuzz-run-,$(FUZZ)) $(addprefix fuzz-keep-,$(FUZZ))
.PHONY: payloads e2e-tools e2e e2e-reversed
.PHONY: quick check check-long demo bench
