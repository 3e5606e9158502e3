// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long each phase of a boot took, and which exits it cost.
 *
 * phase.c records when each phase begins. This file counts the exits of each phase by kind, and for
 * port I/O and MMIO also by place: the port or the page of 4 KiB, for reads and for writes.
 * core/exit.c calls trace_exit() on the vCPU's thread for each exit, if --boot-trace was given;
 * without it an exit costs one branch more, and no memory. A guest can notice only the time.
 *
 * Each counter is an array over the phases, and the one of the phase that was marked last is
 * incremented. So no thread has to take a snapshot when a phase changes. An exit counts in the
 * phase in which it began. KVM makes one exit of a string instruction, which counts once.
 *
 * Places are in an open hash of fixed size: an entry belongs to the first vCPU that sets its key
 * from 0, by compare and exchange, and stays. A guest that accesses all ports fills it; later
 * places are counted as "elsewhere". All counters are relaxed atomics; the main thread reads them
 * when the vCPUs have stopped, and takes the names from the buses, whose regions still exist then.
 *
 * The file is {"traceEvents":[]} from the moment the option is read, and complete at the end of the
 * run, however it ends. report/trace-forms.c makes its content.
 */
#include "report/trace-forms.h"

#include <kvm/bus.h>
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/json-file.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/trace.h>
#include <kvm/util.h>

#include <errno.h>
#include <stdlib.h>

#define PLACE_BITS   12
#define PLACES	     (1U << PLACE_BITS)
#define PLACE_PROBES 64 /* how many entries are tried before an exit counts as elsewhere */
#define PAGE_MASK    0xfffULL

/* A key has these bits, and a port or the number of a page. It is never 0. */
#define KEY_USED  (1ULL << 63)
#define KEY_MMIO  (1ULL << 62)
#define KEY_WRITE (1ULL << 61)
#define KEY_ADDR  (KEY_WRITE - 1)

static bool trace_enabled;

struct place {
	_Atomic u64 key;
	_Atomic u64 exits[PHASE_COUNT];
};

static struct counters {
	_Atomic u64 kinds[PHASE_COUNT][KVM_CPU_EXIT_KINDS];
	_Atomic u64 elsewhere[PHASE_COUNT];
	struct place places[PLACES];
} * counters;

/* --- counting: vCPU threads --- */

static void trace_add(_Atomic u64 *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static u64 trace_load(const _Atomic u64 *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Find the place of this key, or make it. NULL: there is no room for it. */
static struct place *trace_find(u64 key)
{
	/* Multiply by 2^64 / golden ratio, so that neighbouring keys lie far apart. */
	u64 at = (key * 0x9e3779b97f4a7c15ULL) >> (64 - PLACE_BITS);

	for (unsigned int i = 0; i < PLACE_PROBES; i++) {
		struct place *place = &counters->places[(at + i) % PLACES];
		u64 seen = trace_load(&place->key);

		if (!seen)
			atomic_compare_exchange_strong(&place->key, &seen, key);
		if (!seen || seen == key)
			return place;
	}
	return NULL;
}

static void trace_count_place(enum phase phase, u64 key)
{
	struct place *place = trace_find(key);

	trace_add(place ? &place->exits[phase] : &counters->elsewhere[phase]);
}

static void trace_exit(const struct kvm_run *run)
{
	enum phase phase = phase_current();

	trace_add(&counters->kinds[phase][run->exit_reason]);
	if (run->exit_reason == KVM_EXIT_IO)
		trace_count_place(phase,
				  KEY_USED | run->io.port |
					  (run->io.direction == KVM_EXIT_IO_OUT ? KEY_WRITE : 0));
	else if (run->exit_reason == KVM_EXIT_MMIO)
		trace_count_place(phase, KEY_USED | KEY_MMIO | run->mmio.phys_addr >> 12 |
						 (run->mmio.is_write ? KEY_WRITE : 0));
}

/* --- at the end: main thread --- */

struct name_search {
	u64 first, last; /* addresses */
	const char *name;
};

static void trace_look_at_region(const struct bus_region *region, void *arg)
{
	struct name_search *search = arg;

	if (!search->name && region->base <= search->last &&
	    region->base + (region->len - 1) >= search->first)
		search->name = region->name;
}

/* The name of the region there; the first one if a page has several. */
static const char *trace_name(struct kvm *kvm, const struct trace_place *place)
{
	struct name_search search = {.first = place->addr,
				     .last = place->addr | (place->mmio ? PAGE_MASK : 0)};

	if (kvm)
		bus_for_each(place->mmio ? &kvm->mmio : &kvm->ports, trace_look_at_region, &search);
	return search.name;
}

static struct trace_place trace_place_of(struct kvm *kvm, u64 key, u64 exits)
{
	struct trace_place place = {
		.mmio = key & KEY_MMIO,
		.write = key & KEY_WRITE,
		.addr = key & KEY_MMIO ? (key & KEY_ADDR) << 12 : key & KEY_ADDR,
		.exits = exits,
	};

	place.name = trace_name(kvm, &place);
	return place;
}

static int trace_collect_places(struct kvm *kvm, struct trace_phase *to)
{
	to->places = calloc(PLACES, sizeof(*to->places));
	if (!to->places)
		return -ENOMEM;
	for (unsigned int i = 0; i < PLACES; i++) {
		const struct place *place = &counters->places[i];
		u64 exits = trace_load(&place->exits[to->phase]);

		if (exits)
			to->places[to->place_count++] =
				trace_place_of(kvm, trace_load(&place->key), exits);
	}
	trace_report_sort(to->places, to->place_count);
	return 0;
}

static int trace_collect(struct kvm *kvm, struct trace_report *report)
{
	int err = 0;

	trace_report_phases(report, now_ns());
	for (unsigned int i = 0; i < report->count && !err; i++) {
		struct trace_phase *to = &report->phases[i];

		for (unsigned int kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++)
			to->kinds[kind] = trace_load(&counters->kinds[to->phase][kind]);
		to->elsewhere = trace_load(&counters->elsewhere[to->phase]);
		err = trace_collect_places(kvm, to);
	}
	return err;
}

/* The user asked for this table: print it at any --loglevel. */
static void trace_print(void *arg, const char *line)
{
	log_error("%s", line);
}

static int trace_write(const struct trace_report *report)
{
	json_t *object = trace_report_json(report);
	int err = json_file_write("boot-trace", config.boot_trace, object);

	json_decref(object);
	return err;
}

int trace_finish(struct kvm *kvm, const char *reason, int status)
{
	struct trace_report report = {.name = config.name, .reason = reason, .status = status};
	int err;

	if (!trace_enabled)
		return 0;
	phase_mark(PHASE_END);
	err = trace_collect(kvm, &report);
	if (err)
		log_error("--boot-trace: no memory");
	else if (phase_ns(PHASE_VM_READY))
		trace_report_table(&report, trace_print, NULL);
	err = err ?: trace_write(&report);
	for (unsigned int i = 0; i < report.count; i++)
		free(report.phases[i].places);
	return err;
}

static int trace_start(const struct option *option, const char *arg)
{
	int err = json_file_start(option->name, &config.boot_trace, arg,
				  json_pack("{s:[]}", "traceEvents"));

	if (!err && arg && !counters) {
		counters = calloc(1, sizeof(*counters));
		err = counters ? 0 : -ENOMEM;
	}
	trace_enabled = !err && arg;
	kvm_exit_set_counter(trace_enabled ? trace_exit : NULL);
	return err;
}

static const struct option trace_options[] = {
	{.name = "boot-trace",
	 .type = OPTION_CALLBACK,
	 .parse = trace_start,
	 .early = true,
	 .arg = "FILE",
	 .help = "print what each phase of the boot cost; write it to FILE for Perfetto"},
};
OPTION_GROUP(trace, run, "Endings", 43, trace_options);
