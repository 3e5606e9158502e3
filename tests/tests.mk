# SPDX-License-Identifier: GPL-2.0-only
#
# Tests: a line a unit test says which objects it pins, besides util/ and cmocka.
# A test is tests/ROOM/test-NAME.c; its objects are the real ones, and tests/lib's fakes.

FAKE := tests/lib/fake-machine.o bus.o device.o irq-pin.o own-init.o
CONSOLE := console.o console-log.o term.o lines.o kernel-report.o phase.o device.o own-init.o
PCI := hw/pci.o hw/pci-bar.o hw/pci-map.o hw/reset-port.o
BIOS := x86/bios.o x86/bios-code.o x86/e820.o gmem.o
IMAGE := $(addprefix x86/,image.o foreign.o bzimage.o elf.o kaslr.o multiboot.o initrd.o e820.o) \
	 gmem.o

VIRTIO := $(OBJS-virtio-core) tests/lib/fake-virtio.o gmem.o $(FAKE)

unit = $(eval UNIT += $(strip $(1)))$(eval OBJS-$(strip $(1)) := $(2))

$(call unit, util/test-cache)
$(call unit, util/test-cache-room)
$(call unit, util/test-cancel)
$(call unit, util/test-init)
$(call unit, util/test-iov)
$(call unit, util/test-ipc-client)
$(call unit, util/test-log)
$(call unit, util/test-loop)
$(call unit, util/test-loop-wake)
$(call unit, util/test-options)
$(call unit, util/test-parse)
$(call unit, util/test-printable)
$(call unit, util/test-symbols)
$(call unit, util/test-thread)
$(call unit, util/test-trust)
$(call unit, util/test-unpack)
$(call unit, util/test-util)
$(call unit, core/test-budget, budget.o)
$(call unit, core/test-bus, bus.o)
$(call unit, core/test-console, $(CONSOLE))
$(call unit, core/test-console-end, $(CONSOLE))
$(call unit, core/test-console-log, console-log.o)
$(call unit, core/test-device, device.o)
$(call unit, core/test-gmem, gmem.o)
$(call unit, core/test-instance, instance.o)
$(call unit, core/test-instance-log, instance-log.o)
$(call unit, core/test-irq, irq.o irq-pin.o x86/machine.o)
$(call unit, core/test-irq-pin, $(FAKE))
$(call unit, core/test-kernel-report, kernel-report.o)
$(call unit, core/test-kernel-search, kernel-search.o)
$(call unit, core/test-kvm-cpu, kvm-cpu.o phase.o)
$(call unit, core/test-kvm-end, kvm-end.o kernel-report.o tests/lib/fake-clock.o)
$(call unit, core/test-kvm-exit, kvm-exit.o)
$(call unit, core/test-kvm-halt, kvm-halt.o tests/lib/fake-clock.o)
$(call unit, core/test-kvm-ipc, kvm-ipc.o)
$(call unit, core/test-kvm-pause, kvm-pause.o device.o tests/lib/fake-clock.o)
$(call unit, core/test-kvm-reset, kvm-reset.o device.o)
$(call unit, core/test-lines, lines.o kernel-report.o phase.o)
$(call unit, core/test-notify, notify.o)
$(call unit, core/test-own-init, own-init.o)
$(call unit, core/test-phase, phase.o)
$(call unit, core/test-result, result.o lines.o kernel-report.o phase.o)
$(call unit, core/test-trace, trace.o trace-report.o bus.o)
$(call unit, disk/test-disk, $(OBJS-disk))
$(call unit, disk/test-disk-file, $(OBJS-disk))
$(call unit, disk/test-disk-format, $(OBJS-disk))
$(call unit, disk/test-disk-lock, $(OBJS-disk))
$(call unit, disk/test-disk-open, $(OBJS-disk))
$(call unit, disk/test-disk-order, $(OBJS-disk))
$(call unit, disk/test-disk-option, $(OBJS-disk))
$(call unit, disk/test-engines, $(OBJS-disk))
$(call unit, disk/test-raw, $(OBJS-disk))
$(call unit, golden/test-init-order, $(filter-out main.o,$(OBJS)))
$(call unit, guest/test-cmdline, guest/cmdline.o)
$(call unit, guest/test-cpio, guest/cpio.o)
$(call unit, guest/test-guest-shell, $(addprefix guest/,guest-shell.o shell-parse.o shell-expand.o \
	shell-run.o shell-test.o))
$(call unit, guest/test-shell-parse, guest/shell-parse.o)
$(call unit, guest/test-initramfs, $(OBJS-guest) own-init.o)
$(call unit, guest/test-modules, guest/modules.o guest/modules-table.o)
$(call unit, guest/test-root, guest/root.o guest/root-probe.o)
$(call unit, hw/test-acpi-pm, hw/acpi-pm.o $(FAKE))
$(call unit, hw/test-i8042, hw/i8042.o $(FAKE))
$(call unit, hw/test-msix, hw/msix.o $(PCI) $(FAKE))
$(call unit, hw/test-pci, $(PCI) $(FAKE))
$(call unit, hw/test-pci-bar, $(PCI) $(FAKE))
$(call unit, hw/test-ports, $(PCI) hw/exit-port.o hw/pvpanic.o $(FAKE))
$(call unit, hw/test-rtc, hw/rtc.o hw/acpi-pm.o $(FAKE))
$(call unit, hw/test-serial, hw/serial.o hw/serial-console.o $(FAKE))
$(call unit, hw/test-serial-pause, hw/serial.o hw/serial-console.o $(FAKE))
$(call unit, hw/test-serial-pty, hw/serial.o hw/serial-console.o hw/serial-pty.o $(FAKE))
$(call unit, hw/test-status-port, hw/serial.o hw/serial-console.o hw/status-port.o $(FAKE))
$(call unit, kvm/test-bios, $(BIOS) kvm.o irq.o irq-pin.o bus.o x86/machine.o)
$(call unit, kvm/test-irqfd, kvm.o irq.o irq-pin.o bus.o gmem.o x86/machine.o)
$(call unit, virtio/test-blk, virtio/blk.o $(OBJS-disk) $(VIRTIO))
$(call unit, virtio/test-blk-host, virtio/blk.o $(OBJS-disk) $(VIRTIO))
$(call unit, virtio/test-balloon, virtio/balloon.o $(VIRTIO))
$(call unit, virtio/test-console, virtio/console.o $(VIRTIO))
$(call unit, virtio/test-core, $(VIRTIO))
$(call unit, virtio/test-core-machine, $(VIRTIO))
$(call unit, virtio/test-mmio, $(OBJS-virtio-core) virtio/mmio.o gmem.o $(FAKE))
$(call unit, virtio/test-pci, $(OBJS-virtio-core) virtio/pci.o hw/msix.o gmem.o $(PCI) $(FAKE))
$(call unit, virtio/test-queue, virtio/queue.o gmem.o)
$(call unit, virtio/test-rng, virtio/rng.o $(VIRTIO))
$(call unit, x86/test-acpi, x86/acpi.o x86/acpi-table.o x86/aml.o gmem.o device.o)
$(call unit, x86/test-aml, x86/aml.o)
$(call unit, x86/test-bios, $(BIOS))
$(call unit, x86/test-bzimage, x86/bzimage.o)
$(call unit, x86/test-cmdline, x86/cmdline.o)
$(call unit, x86/test-cpuid, x86/cpuid.o x86/cpuid-leaves.o)
$(call unit, x86/test-cpuid-leaves, x86/cpuid-leaves.o)
$(call unit, x86/test-e820, x86/e820.o gmem.o)
$(call unit, x86/test-elf, x86/elf.o)
$(call unit, x86/test-elf-program, x86/elf.o)
$(call unit, x86/test-image, $(IMAGE))
$(call unit, x86/test-image-packed, $(IMAGE))
$(call unit, x86/test-foreign, x86/foreign.o)
$(call unit, x86/test-initrd, x86/initrd.o gmem.o)
$(call unit, x86/test-mptable, x86/mptable.o x86/acpi.o x86/acpi-table.o x86/aml.o irq-pin.o \
       gmem.o device.o)
$(call unit, x86/test-release, x86/release.o x86/elf.o)
$(call unit, x86/test-smbios, x86/smbios.o gmem.o device.o)
$(call unit, x86/test-vmgenid, x86/vmgenid.o gmem.o device.o)
$(call unit, x86/test-kaslr, x86/kaslr.o x86/elf.o gmem.o)
$(call unit, x86/test-multiboot, x86/multiboot.o x86/elf.o x86/e820.o gmem.o)
$(call unit, x86/test-pagewalk, x86/pagewalk.o gmem.o)
$(call unit, x86/test-params, x86/params.o x86/e820.o gmem.o)
$(call unit, x86/test-pvh, x86/pvh.o x86/e820.o gmem.o)

# What threads touch runs under TSAN=1 as well.
UNIT-threads := util/test-loop util/test-loop-wake util/test-thread hw/test-serial hw/test-rtc \
		hw/test-acpi-pm hw/test-msix hw/test-pci hw/test-pci-bar core/test-bus \
		core/test-console core/test-irq-pin core/test-kvm-cpu core/test-kvm-ipc \
		core/test-phase \
		core/test-trace
UNIT-threads += virtio/test-console virtio/test-core virtio/test-core-machine virtio/test-mmio
UNIT-threads += virtio/test-pci virtio/test-blk-host
UNIT-threads += virtio/test-rng core/test-console-log core/test-instance-log hw/test-serial-pty
UNIT-threads += disk/test-disk disk/test-disk-file disk/test-engines virtio/test-blk
UNIT-threads += disk/test-disk-order

UNIT-BINS := $(addprefix $(BUILD)/tests/,$(UNIT))

define unit-rule
$(BUILD)/tests/$(1): $(addprefix $(BUILD)/,tests/$(1).o $(OBJS-$(1)) $(OBJS-util))
	@echo "  LD      $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka $(LDLIBS)
endef
$(foreach test,$(UNIT),$(eval $(call unit-rule,$(test))))

unit-tests: $(UNIT-BINS)
unit-tests-threads: $(addprefix $(BUILD)/tests/,$(UNIT-threads))

# ---- fuzzing (clang's libFuzzer) ---------------------------------------------

fuzz = $(eval FUZZ += $(strip $(1)))$(eval FUZZ-OBJS-$(strip $(1)) := $(2))

$(call fuzz, fuzz-options)
$(call fuzz, fuzz-serial, hw/serial.o hw/serial-console.o $(FAKE))
$(call fuzz, fuzz-pci, hw/msix.o $(PCI) $(FAKE))
$(call fuzz, fuzz-queue, virtio/queue.o gmem.o)
$(call fuzz, fuzz-virtio, $(OBJS-virtio-core) virtio/mmio.o virtio/pci.o hw/msix.o gmem.o \
	$(PCI) $(FAKE))
$(call fuzz, fuzz-bzimage, x86/bzimage.o)
$(call fuzz, fuzz-unpack)
$(call fuzz, fuzz-cache)
$(call fuzz, fuzz-elf, x86/elf.o)
$(call fuzz, fuzz-kaslr, x86/kaslr.o x86/elf.o gmem.o)
$(call fuzz, fuzz-mptable, irq-pin.o x86/mptable.o gmem.o device.o)
$(call fuzz, fuzz-multiboot, x86/multiboot.o x86/elf.o x86/initrd.o x86/e820.o gmem.o)
$(call fuzz, fuzz-ipc, kvm-ipc.o kvm-control.o kvm-debug.o device.o gmem.o)
$(call fuzz, fuzz-modules, guest/modules.o guest/modules-table.o)
$(call fuzz, fuzz-symbols)
$(call fuzz, fuzz-devices, virtio/balloon.o virtio/console.o virtio/queue.o gmem.o)
$(call fuzz, fuzz-blk, virtio/blk.o virtio/queue.o gmem.o $(OBJS-disk))

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
	@mkdir -p $(@D)
	@echo '$(FUZZ_FLAGS)' | cmp -s - $@ || echo '$(FUZZ_FLAGS)' > $@

-include $(shell find build/fuzz/obj -name '*.d' 2>/dev/null)

define fuzz-rule
build/fuzz/$(1): $(addprefix build/fuzz/obj/,tests/fuzz/$(1).o $(FUZZ-OBJS-$(1)) $(OBJS-util))
	@echo "  FUZZ-LD $$@"
	$(Q)clang $(FUZZ_CFLAGS) -o $$@ $$^ $(LDLIBS)
endef
$(foreach target,$(FUZZ),$(eval $(call fuzz-rule,$(target))))

fuzz: $(FUZZ-BINS)

# Each target on its committed corpus and on; new inputs land in build/fuzz/corpus. With -j
# several run at once.
define fuzz-run-rule
fuzz-run-$(1): build/fuzz/$(1)
	@mkdir -p build/fuzz/corpus/$(1) tests/fuzz/corpus/$(1)
	@if build/fuzz/$(1) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		build/fuzz/corpus/$(1) tests/fuzz/corpus/$(1) >build/fuzz/$(1).log 2>&1; then \
		echo "ok - $(1): $(FUZZ_SECONDS) s, last new coverage after" \
			"$$$$(tests/fuzz/last-new build/fuzz/$(1).log) runs"; \
	else \
		echo "not ok - $(1): see build/fuzz/$(1).log"; exit 1; \
	fi
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

build/e2e/pty: tests/lib/pty.c
build/e2e/clients: tests/e2e/clients.c
build/e2e/pty build/e2e/clients:
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -o $@ $<

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
	   build/e2e/latency \
	   $(if $(filter jansson,$(LIBS-found)),build/e2e/json)

# E2E=FILTER picks tests by a regular expression over GROUP/NAME.
e2e: $(BIN) e2e-tools
	$(Q)LKVM=$(abspath $(BIN)) tests/e2e/run '$(E2E)'

# ---- everything --------------------------------------------------------------

check: $(BIN)
	$(Q)tests/check

check-long: $(BIN)
	$(Q)tests/check --long

demo: $(BIN)
	$(Q)tests/lab/demo ./$(BIN)

bench: $(BIN) lkvm-static
	$(Q)bench/run

.PHONY: unit-tests unit-tests-threads fuzz fuzz-run $(addprefix fuzz-run-,$(FUZZ))
.PHONY: payloads e2e-tools e2e
.PHONY: check check-long demo bench
