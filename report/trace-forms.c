// SPDX-License-Identifier: GPL-2.0-only
/*
 * A boot trace in its two forms: a table for people, events for a viewer.
 *
 * A row of the table, or an event, is the time from one mark to the next, in the order in which
 * they came. Its name is that of the mark at its beginning, which is the key in the result file
 * too. Below each row the table has the places that cost most; the events have all places.
 *
 * The events are in Chrome's format, which Perfetto reads as well: a complete event ("X") a phase,
 * all on one track, with exits by kind and by place as arguments; and a counter ("C") of all exits
 * so far, at the beginning of each phase and at the end. Time is in microseconds since exec. Data
 * that is not an event (how the run ended) is in "otherData".
 *
 * No state, and no system call except getpid(); trace.c fills in the report.
 *
 * Spec: Trace Event Format (Google, 2016): "JSON Object Format", "Complete Events",
 * "Counter Events", "Metadata Events".
 */
#include "report/trace-forms.h"

#include <kvm/exit.h>
#include <kvm/json-file.h>

#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOP_PLACES  5
#define PLACE_BYTES 100
#define LINE_BYTES  160

/* --- time --- */

void trace_report_phases(struct trace_report *report, u64 end_ns)
{
	u64 start = phase_ns(PHASE_EXEC);

	report->count = 0;
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		unsigned int at = report->count;

		if (!phase_ns(phase))
			continue;
		/* Insertion: equal stamps keep the order of the enum. */
		for (; at && phase_ns(report->phases[at - 1].phase) > phase_ns(phase); at--)
			report->phases[at].phase = report->phases[at - 1].phase;
		report->phases[at].phase = phase;
		report->count++;
	}
	for (unsigned int i = 0; i < report->count; i++) {
		u64 from = phase_ns(report->phases[i].phase), to = end_ns;

		if (i + 1 < report->count)
			to = phase_ns(report->phases[i + 1].phase);
		report->phases[i].start_ns = from - start;
		report->phases[i].length_ns = to - from;
	}
}

/* --- places --- */

static int trace_report_compare(const void *a, const void *b)
{
	const struct trace_place *x = a, *y = b;

	if (x->exits != y->exits)
		return x->exits > y->exits ? -1 : 1;
	if (x->mmio != y->mmio)
		return x->mmio ? 1 : -1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->write - y->write;
}

void trace_report_sort(struct trace_place *places, size_t count)
{
	qsort(places, count, sizeof(*places), trace_report_compare);
}

/* "out 0x3f8 serial0" */
static void trace_report_place(const struct trace_place *place, char *text, size_t size)
{
	static const char *const verbs[2][2] = {{"in", "out"}, {"read", "write"}};

	snprintf(text, size, "%s 0x%llx %s", verbs[place->mmio][place->write], place->addr,
		 place->name ? place->name : "nobody");
}

static u64 trace_report_exits(const struct trace_phase *phase)
{
	u64 sum = 0;

	for (unsigned int kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++)
		sum += phase->kinds[kind];
	return sum;
}

/* --- the table --- */

static double trace_report_ms(u64 ns)
{
	return (double)ns / NSEC_PER_MSEC;
}

static void trace_report_places(const struct trace_phase *phase,
				void (*print)(void *arg, const char *line), void *arg)
{
	u64 rest = phase->elsewhere;
	char line[LINE_BYTES], place[PLACE_BYTES];

	for (size_t i = 0; i < phase->place_count; i++) {
		const struct trace_place *at = &phase->places[i];

		if (i >= TOP_PLACES) {
			rest += at->exits;
			continue;
		}
		trace_report_place(at, place, sizeof(place));
		snprintf(line, sizeof(line), "%51llu  %s", at->exits, place);
		print(arg, line);
	}
	if (rest) {
		snprintf(line, sizeof(line), "%51llu  elsewhere", rest);
		print(arg, line);
	}
}

static void trace_report_row(const struct trace_phase *phase,
			     void (*print)(void *arg, const char *line), void *arg)
{
	u64 exits = trace_report_exits(phase);
	u64 io = phase->kinds[KVM_EXIT_IO], mmio = phase->kinds[KVM_EXIT_MMIO];
	u64 halt = phase->kinds[KVM_EXIT_HLT];
	char line[LINE_BYTES];

	snprintf(line, sizeof(line), "  %-18s %10.3f %10.3f %8llu %8llu %8llu %8llu %8llu",
		 phase_name(phase->phase), trace_report_ms(phase->start_ns),
		 trace_report_ms(phase->length_ns), exits, io, mmio, halt,
		 (exits - io - mmio - halt));
	print(arg, line);
	trace_report_places(phase, print, arg);
}

void trace_report_table(const struct trace_report *report,
			void (*print)(void *arg, const char *line), void *arg)
{
	char line[LINE_BYTES];

	snprintf(line, sizeof(line), "  %-18s %10s %10s %8s %8s %8s %8s %8s", "boot phase", "at ms",
		 "took ms", "exits", "io", "mmio", "halt", "others");
	print(arg, line);
	for (unsigned int i = 0; i < report->count; i++)
		trace_report_row(&report->phases[i], print, arg);
}

/* --- the events --- */

static json_t *trace_report_us(u64 ns)
{
	return json_real((double)ns / 1000);
}

/* An event of this kind, at ns since exec; takes the reference to args. */
static json_t *trace_report_event(const char *kind, const char *name, u64 ns, json_t *args)
{
	int pid = getpid();

	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o}", "ph", kind, "name", name, "cat",
			 "boot", "pid", pid, "tid", pid, "ts", trace_report_us(ns), "args", args);
}

static json_t *trace_report_kinds(const u64 kinds[KVM_CPU_EXIT_KINDS], bool zeroes)
{
	json_t *object = json_object();

	for (u32 kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++) {
		bool always = zeroes && (kind == KVM_EXIT_IO || kind == KVM_EXIT_MMIO);

		if (kinds[kind] || always)
			json_object_set_new(object, kvm_exit_name(kind),
					    json_integer((json_int_t)kinds[kind]));
	}
	return object;
}

static json_t *trace_report_all_places(const struct trace_phase *phase)
{
	json_t *object = json_object();
	char place[PLACE_BYTES];

	for (size_t i = 0; i < phase->place_count; i++) {
		trace_report_place(&phase->places[i], place, sizeof(place));
		json_object_set_new(object, place,
				    json_integer((json_int_t)phase->places[i].exits));
	}
	if (phase->elsewhere)
		json_object_set_new(object, "elsewhere",
				    json_integer((json_int_t)phase->elsewhere));
	return object;
}

static void trace_report_metadata(const struct trace_report *report, json_t *events)
{
	char name[120];

	snprintf(name, sizeof(name), "lkvm %s", report->name ? report->name : "run");
	json_array_append_new(events,
			      trace_report_event("M", "process_name", 0,
						 json_pack("{s:o}", "name",
							   json_file_string(name, strlen(name)))));
	json_array_append_new(events,
			      trace_report_event("M", "thread_name", 0,
						 json_pack("{s:s}", "name", "boot phases")));
}

static void trace_report_add_phase(const struct trace_phase *phase, json_t *events)
{
	json_t *args = json_pack("{s:o, s:o}", "exits", trace_report_kinds(phase->kinds, false),
				 "places", trace_report_all_places(phase));
	json_t *event = trace_report_event("X", phase_name(phase->phase), phase->start_ns, args);

	json_object_set_new(event, "dur", trace_report_us(phase->length_ns));
	json_array_append_new(events, event);
}

json_t *trace_report_json(const struct trace_report *report)
{
	u64 so_far[KVM_CPU_EXIT_KINDS] = {0}, end = 0;
	json_t *events = json_array();

	trace_report_metadata(report, events);
	for (unsigned int i = 0; i < report->count; i++) {
		const struct trace_phase *phase = &report->phases[i];

		trace_report_add_phase(phase, events);
		json_array_append_new(events, trace_report_event("C", "exits", phase->start_ns,
								 trace_report_kinds(so_far, true)));
		for (unsigned int kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++)
			so_far[kind] += phase->kinds[kind];
		end = phase->start_ns + phase->length_ns;
	}
	json_array_append_new(
		events, trace_report_event("C", "exits", end, trace_report_kinds(so_far, true)));
	return json_pack("{s:o, s:s, s:{s:s, s:i}}", "traceEvents", events, "displayTimeUnit", "ms",
			 "otherData", "reason", report->reason, "status", report->status);
}
