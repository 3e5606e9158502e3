/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data of a boot trace, and its two forms: a table for people, events for a viewer.
 * report/trace-forms.c. Main thread.
 */
#ifndef TRACE_REPORT_H
#define TRACE_REPORT_H

#include <kvm/kvm-cpu.h>
#include <kvm/phase.h>
#include <kvm/types.h>

/* A place that exits of one kind went to. */
struct trace_place {
	bool mmio;	  /* true: MMIO, false: a port */
	bool write;	  /* true: a write, false: a read */
	u64 addr;	  /* the port, or the first address of a page of 4 KiB */
	const char *name; /* of the bus region; NULL: there is none */
	u64 exits;
};

/* The time from the mark of a phase to the next mark. */
struct trace_phase {
	enum phase phase;
	u64 start_ns, length_ns; /* start: since exec */
	u64 kinds[KVM_CPU_EXIT_KINDS];
	struct trace_place *places; /* most exits first */
	size_t place_count;
	u64 elsewhere; /* exits to places that had no counter of their own */
};

struct trace_report {
	const char *name, *reason;
	int status;
	struct trace_phase phases[PHASE_COUNT]; /* the phases that were reached, in order of time */
	unsigned int count;
};

/* Fill in count, and phase, start_ns and length_ns of each; the last one lasts until end_ns. */
void trace_report_phases(struct trace_report *report, u64 end_ns);

/* Sort places: most exits first, then ports before MMIO, then by address, reads first. */
void trace_report_sort(struct trace_place *places, size_t count);

/* Print the table, line by line. */
void trace_report_table(const struct trace_report *report,
			void (*print)(void *arg, const char *line), void *arg);

#include <jansson.h>

/* The events in Chrome's format, which Perfetto reads too. A new reference, or NULL. */
json_t *trace_report_json(const struct trace_report *report);

#endif
