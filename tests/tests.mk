# SPDX-License-Identifier: GPL-2.0-only
#
# Tests: a line a unit test says which objects it pins, besides util/ and cmocka.
# A test is tests/ROOM/test-NAME.c; its objects are the real ones, and tests/lib's fakes.

FAKE := tests/lib/fake-machine.o bus.o device.o

unit = $(eval UNIT += $(strip $(1)))$(eval OBJS-$(strip $(1)) := $(2))

$(call unit, util/test-init)
$(call unit, util/test-iov)
$(call unit, util/test-log)
$(call unit, util/test-loop)
$(call unit, util/test-options)
$(call unit, util/test-parse)
$(call unit, util/test-util)
$(call unit, hw/test-acpi-pm, hw/acpi-pm.o $(FAKE))
$(call unit, hw/test-i8042, hw/i8042.o $(FAKE))
$(call unit, hw/test-ports, hw/reset-port.o hw/exit-port.o hw/pvpanic.o $(FAKE))
$(call unit, hw/test-rtc, hw/rtc.o $(FAKE))
$(call unit, hw/test-serial, hw/serial.o $(FAKE))
$(call unit, x86/test-acpi, x86/acpi.o x86/aml.o gmem.o device.o)
$(call unit, x86/test-aml, x86/aml.o)
$(call unit, x86/test-cpuid, x86/cpuid.o)

# What threads touch runs under TSAN=1 as well.
UNIT-threads := util/test-loop hw/test-serial hw/test-rtc hw/test-acpi-pm

UNIT-BINS := $(addprefix $(BUILD)/tests/,$(UNIT))

define unit-rule
$(BUILD)/tests/$(1): $(addprefix $(BUILD)/,tests/$(1).o $(OBJS-$(1)) $(OBJS-util))
	@echo "  LD      $$@"
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach test,$(UNIT),$(eval $(call unit-rule,$(test))))

unit-tests: $(UNIT-BINS)
unit-tests-threads: $(addprefix $(BUILD)/tests/,$(UNIT-threads))

# ---- fuzzing (clang's libFuzzer) ---------------------------------------------

fuzz = $(eval FUZZ += $(strip $(1)))$(eval SRCS-$(strip $(1)) := $(2))
util-srcs := $(OBJS-util:.o=.c)

$(call fuzz, fuzz-options)
$(call fuzz, fuzz-serial, hw/serial.c $(FAKE:.o=.c))
$(call fuzz, fuzz-bzimage, x86/bzimage.c)

FUZZ-BINS := $(addprefix build/fuzz/,$(FUZZ))
FUZZ_SECONDS ?= 60

define fuzz-rule
build/fuzz/$(1): tests/fuzz/$(1).c $(SRCS-$(1)) $(util-srcs) $(wildcard include/kvm/*.h tests/lib/*.h)
	@mkdir -p $$(@D)
	@echo "  FUZZ    $$@"
	$(Q)clang $$(CPPFLAGS) -std=gnu11 $$(WARN) -g -O1 -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $$@ $$(filter %.c,$$^)
endef
$(foreach target,$(FUZZ),$(eval $(call fuzz-rule,$(target))))

fuzz: $(FUZZ-BINS)

# Each target on its committed corpus and on; new inputs land in build/fuzz/corpus.
fuzz-run: fuzz
	@set -e; for target in $(FUZZ); do \
		mkdir -p build/fuzz/corpus/$$target; \
		echo "$$target: $(FUZZ_SECONDS) s"; \
		build/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			build/fuzz/corpus/$$target tests/fuzz/corpus/$$target 2>&1 | \
			grep -E 'DONE|stat::|ERROR|SUMMARY' ; \
	done

# ---- everything --------------------------------------------------------------

check: $(BIN)
	$(Q)tests/check

check-long: $(BIN)
	$(Q)tests/check --long

demo: $(BIN)
	$(Q)tests/lab/demo ./$(BIN)

bench: $(BIN) lkvm-static
	$(Q)bench/run

.PHONY: unit-tests unit-tests-threads fuzz fuzz-run check check-long demo bench
