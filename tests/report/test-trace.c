// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins trace.c and report/trace-forms.c: what is counted where, the table, and the events.
 *
 * Phases are this test's own, so that a run can be played twice and time is what it says.
 * Counters are kept for the process: each test uses places and phases of its own, or asks for
 * differences.
 */
#include "report/trace-forms.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/bus.h>
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/trace.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS(n) ((u64)(n)*NSEC_PER_MSEC)

static u64 stamps[PHASE_COUNT];
static enum phase current;
static char said[64][200];
static unsigned int said_count;

void phase_mark(enum phase phase)
{
	if (!stamps[phase])
		stamps[phase] = MS(9000);
}

u64 phase_ns(enum phase phase)
{
	return stamps[phase];
}

enum phase phase_current(void)
{
	return current;
}

const char *phase_name(enum phase phase)
{
	static const char *const names[PHASE_COUNT] = {
		"exec", "options", "kvm", "vm_ready", "first_kvm_run", "first_console_byte",
		"init", "end"};

	return names[phase];
}

static void (*counter)(const struct kvm_run *run);

void kvm_exit_set_counter(void (*fn)(const struct kvm_run *run))
{
	counter = fn;
}

static void record(enum log_level level, const char *line, void *arg)
{
	if (said_count < ARRAY_SIZE(said))
		snprintf(said[said_count++], sizeof(said[0]), "%s", line);
}

static void print(void *arg, const char *line)
{
	record(LOG_ERROR, line, arg);
}

static int set_up(void **state)
{
	log_set_sink(record, NULL);
	said_count = 0;
	memset(stamps, 0, sizeof(stamps));
	stamps[PHASE_EXEC] = MS(1000);
	current = PHASE_EXEC;
	return 0;
}

static int tear_down(void **state)
{
	log_set_sink(NULL, NULL);
	return 0;
}

/* --- the report --- */

static void test_phases_are_in_order_of_time(void **state)
{
	static const enum phase want[] = {PHASE_EXEC, PHASE_VM_READY, PHASE_INIT,
					  PHASE_FIRST_CONSOLE, PHASE_END};
	struct trace_report report = {.count = 3};

	stamps[PHASE_VM_READY] = MS(1010);
	stamps[PHASE_INIT] = MS(1500);
	stamps[PHASE_FIRST_CONSOLE] = MS(1600);
	stamps[PHASE_END] = MS(1600); /* at once: as the enum has it */
	trace_report_phases(&report, MS(1700));
	assert_int_equal(report.count, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(report.phases[i].phase, want[i]);
	assert_int_equal(report.phases[0].start_ns, 0);
	assert_int_equal(report.phases[0].length_ns, MS(10));
	assert_int_equal(report.phases[1].length_ns, MS(490));
	assert_int_equal(report.phases[2].start_ns, MS(500));
	assert_int_equal(report.phases[3].length_ns, 0);
	assert_int_equal(report.phases[4].start_ns, MS(600));
	assert_int_equal(report.phases[4].length_ns, MS(100));
}

static void test_places_with_most_exits_come_first(void **state)
{
	struct trace_place places[] = {
		{.mmio = true, .addr = 0x60, .exits = 5},  {.addr = 0x64, .exits = 5},
		{.addr = 0x60, .exits = 5, .write = true}, {.addr = 0x60, .exits = 5},
		{.addr = 0x3f8, .exits = 1ULL << 40},
	};

	trace_report_sort(places, ARRAY_SIZE(places));
	assert_int_equal(places[0].addr, 0x3f8);
	assert_int_equal(places[1].addr, 0x60);
	assert_false(places[1].write);
	assert_true(places[2].write);
	assert_int_equal(places[3].addr, 0x64);
	assert_true(places[4].mmio);
}

/* A report of two phases; the second has seven places and some exits that have none. */
static void fill(struct trace_report *report, struct trace_place places[7])
{
	static const struct trace_place first = {
		.addr = 0x3f8, .write = true, .name = "serial0", .exits = 3000};

	*report =
		(struct trace_report){.name = "box", .reason = "poweroff", .status = 3, .count = 2};
	report->phases[0] = (struct trace_phase){.phase = PHASE_EXEC, .length_ns = MS(1) / 2};
	report->phases[1] = (struct trace_phase){.phase = PHASE_FIRST_CONSOLE,
						 .start_ns = MS(1) / 2,
						 .length_ns = MS(1234),
						 .places = places,
						 .place_count = 7,
						 .elsewhere = 2};
	report->phases[1].kinds[KVM_EXIT_IO] = 3100;
	report->phases[1].kinds[KVM_EXIT_MMIO] = 20;
	report->phases[1].kinds[KVM_EXIT_HLT] = 7;
	report->phases[1].kinds[KVM_EXIT_DEBUG] = 1;
	places[0] = first;
	places[1] = (struct trace_place){.mmio = true, .addr = 0xfed00000, .exits = 20};
	for (unsigned int i = 2; i < 7; i++)
		places[i] = (struct trace_place){.addr = 0x70 + i, .exits = 10 - i};
}

static void test_table(void **state)
{
	static const char *const want[] = {
		"  boot phase              at ms    took ms    exits       io     mmio     halt"
		"   others",
		"  exec                    0.000      0.500        0        0        0        0"
		"        0",
		"  first_console_byte      0.500   1234.000     3128     3100       20        7"
		"        1",
		"                                               3000  out 0x3f8 serial0",
		"                                                 20  read 0xfed00000 nobody",
		"                                                  8  in 0x72 nobody",
		"                                                  7  in 0x73 nobody",
		"                                                  6  in 0x74 nobody",
		"                                                 11  elsewhere",
	};
	struct trace_place places[7];
	struct trace_report report;

	fill(&report, places);
	trace_report_table(&report, print, NULL);
	assert_int_equal(said_count, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(said[i], want[i]);
}

static int parse_option(const char *file)
{
	char *argv[] = {"run", "--boot-trace", (char *)(uintptr_t)file, NULL};
	int positional;

	return options_parse("run", 3, argv, &positional);
}

#include <jansson.h>

static json_t *find(const json_t *trace, const char *kind, const char *name)
{
	json_t *events = json_object_get(trace, "traceEvents"), *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		const char *ph = json_string_value(json_object_get(event, "ph"));

		if (!strcmp(ph, kind) &&
		    !strcmp(json_string_value(json_object_get(event, "name")), name))
			return event;
	}
	return NULL;
}

static json_int_t number(const json_t *object, const char *a, const char *b, const char *c)
{
	const json_t *value = json_object_get(json_object_get(json_object_get(object, a), b), c);

	return value ? json_integer_value(value) : -1;
}

static void test_events(void **state)
{
	struct trace_place places[7];
	struct trace_report report;
	json_t *trace, *event, *events;

	fill(&report, places);
	trace = trace_report_json(&report);
	event = find(trace, "X", "first_console_byte");
	assert_non_null(event);
	assert_float_equal(json_real_value(json_object_get(event, "ts")), 500.0, 0);
	assert_float_equal(json_real_value(json_object_get(event, "dur")), 1234000.0, 0);
	assert_int_equal(json_integer_value(json_object_get(event, "pid")), getpid());
	assert_int_equal(number(event, "args", "exits", "io"), 3100);
	assert_int_equal(number(event, "args", "exits", "debug"), 1);
	assert_int_equal(number(event, "args", "places", "out 0x3f8 serial0"), 3000);
	assert_int_equal(number(event, "args", "places", "read 0xfed00000 nobody"), 20);
	assert_int_equal(number(event, "args", "places", "in 0x76 nobody"), 4);
	assert_int_equal(number(event, "args", "places", "elsewhere"), 2);
	assert_non_null(find(trace, "X", "exec"));
	assert_non_null(find(trace, "M", "process_name"));
	/* The counter ends at the sum. */
	events = json_object_get(trace, "traceEvents");
	event = json_array_get(events, json_array_size(events) - 1);
	assert_string_equal(json_string_value(json_object_get(event, "ph")), "C");
	assert_float_equal(json_real_value(json_object_get(event, "ts")), 1234500.0, 0);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(event, "args"), "io")),
			 3100);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(trace, "otherData"), "status")),
		3);
	json_decref(trace);
}

static void test_a_name_need_not_be_utf8(void **state)
{
	struct trace_report report = {.name = "b\xf6x", .reason = "exit"};
	json_t *trace = trace_report_json(&report);
	json_t *args = json_object_get(find(trace, "M", "process_name"), "args");

	assert_string_equal(json_string_value(json_object_get(args, "name")),
			    "lkvm b\xef\xbf\xbdx");
	json_decref(trace);
}

/* --- counting --- */

static char path[] = "/tmp/lkvm-test-trace-XXXXXX";

static void io(u16 port, bool out)
{
	struct kvm_run run = {.exit_reason = KVM_EXIT_IO};

	run.io.port = port;
	run.io.direction = out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run.io.count = 5; /* a string instruction is one exit */
	counter(&run);
}

static void mmio(u64 addr, bool write)
{
	struct kvm_run run = {.exit_reason = KVM_EXIT_MMIO};

	run.mmio.phys_addr = addr;
	run.mmio.is_write = write;
	counter(&run);
}

static json_t *finish(struct kvm *kvm)
{
	json_error_t error;
	json_t *trace;

	assert_int_equal(trace_finish(kvm, "exit", 0), 0);
	trace = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(trace);
	return trace;
}

static void test_off_until_asked_for(void **state)
{
	assert_null(counter);
	assert_int_equal(trace_finish(NULL, "exit", 0), 0);
	assert_int_equal(said_count, 0);
}

static void test_counts_by_phase_and_place(void **state)
{
	static struct kvm kvm;
	struct bus_region serial = {.name = "serial0", .base = 0x3f8, .len = 8, .width = 1};
	struct bus_region ecam = {.name = "pci-ecam", .base = 0xfed00800, .len = 0x100, .width = 4};
	json_t *trace, *event;

	bus_init(&kvm.ports, "port");
	bus_init(&kvm.mmio, "mmio");
	bus_add(&kvm.ports, &serial);
	bus_add(&kvm.mmio, &ecam);
	assert_int_equal(parse_option(path), 0);
	assert_non_null(counter);
	stamps[PHASE_VM_READY] = MS(1010);
	stamps[PHASE_FIRST_RUN] = MS(1020);
	stamps[PHASE_INIT] = MS(1500);
	current = PHASE_FIRST_RUN;
	io(0x3f8, true);
	io(0x3f8, true);
	io(0x3f8, false);
	io(0x3ff, true);
	io(0xffff, false);
	mmio(0xfed00000, false);
	mmio(0xfed00ffc, false);
	mmio(0xfffffffffffff000, true);
	current = PHASE_INIT;
	io(0x3f8, true);
	trace = finish(&kvm);
	event = find(trace, "X", "first_kvm_run");
	assert_int_equal(number(event, "args", "exits", "io"), 5);
	assert_int_equal(number(event, "args", "exits", "mmio"), 3);
	assert_int_equal(number(event, "args", "places", "out 0x3f8 serial0"), 2);
	assert_int_equal(number(event, "args", "places", "in 0x3f8 serial0"), 1);
	assert_int_equal(number(event, "args", "places", "out 0x3ff serial0"), 1);
	assert_int_equal(number(event, "args", "places", "in 0xffff nobody"), 1);
	assert_int_equal(number(event, "args", "places", "read 0xfed00000 pci-ecam"), 2);
	assert_int_equal(number(event, "args", "places", "write 0xfffffffffffff000 nobody"), 1);
	event = find(trace, "X", "init");
	assert_int_equal(number(event, "args", "exits", "io"), 1);
	assert_int_equal(number(event, "args", "places", "out 0x3f8 serial0"), 1);
	assert_null(find(trace, "X", "first_console_byte"));
	assert_non_null(find(trace, "X", "end"));
	assert_int_equal(said_count, 1 + 5 + 5 + 1 + 1); /* head, phases, top places, the rest */
	json_decref(trace);
	bus_destroy(&kvm.ports);
	bus_destroy(&kvm.mmio);
}

#define THREADS 4
#define ROUNDS	5000

static void *count(void *arg)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		io((u16)(0x1000 + i % 50), true);
	return arg;
}

/* Nothing is lost when several vCPUs count, and when all find the same new place. */
static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	json_t *trace, *event;

	assert_int_equal(parse_option(path), 0);
	current = PHASE_KVM; /* not used otherwise */
	stamps[PHASE_KVM] = MS(1005);
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	trace = finish(NULL);
	event = find(trace, "X", "kvm");
	assert_int_equal(number(event, "args", "exits", "io"), THREADS * ROUNDS);
	assert_int_equal(
		json_object_size(json_object_get(json_object_get(event, "args"), "places")), 50);
	assert_int_equal(number(event, "args", "places", "out 0x1000 nobody"),
			 THREADS * ROUNDS / 50);
	assert_int_equal(said_count, 0); /* there was no machine yet: no table */
	json_decref(trace);
}

/* The last test: a guest that goes through all ports fills the table, and every exit is counted. */
static void test_more_places_than_room(void **state)
{
	json_t *trace, *event, *value;
	json_int_t sum = 0;
	const char *key;

	assert_int_equal(parse_option(path), 0);
	current = PHASE_OPTIONS;
	stamps[PHASE_OPTIONS] = MS(1001);
	for (unsigned int port = 0; port < 0x10000; port++)
		io((u16)port, false);
	trace = finish(NULL);
	event = find(trace, "X", "options");
	assert_int_equal(number(event, "args", "exits", "io"), 0x10000);
	assert_true(number(event, "args", "places", "elsewhere") > 0x8000);
	json_object_foreach(json_object_get(json_object_get(event, "args"), "places"), key, value)
		sum += json_integer_value(value);
	assert_int_equal(sum, 0x10000);
	json_decref(trace);
}

static void test_unwritable(void **state)
{
	assert_int_equal(parse_option("/nowhere/at/all.json"), -ENOENT);
	assert_int_equal(said_count, 1);
	assert_string_equal(said[0], "lkvm: --boot-trace /nowhere/at/all.json: cannot be written: "
				     "No such file or directory");
	assert_null(counter);
	assert_null(config.boot_trace);
	assert_int_equal(parse_option("/dev/null"), -ENOTSUP);
	assert_non_null(strstr(said[1], "--boot-trace /dev/null: is not a regular file"));
}

static int group_set_up(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int group_tear_down(void **state)
{
	return unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_phases_are_in_order_of_time),
		TEST(test_places_with_most_exits_come_first),
		TEST(test_table),
		TEST(test_events),
		TEST(test_a_name_need_not_be_utf8),
		TEST(test_off_until_asked_for),
		TEST(test_counts_by_phase_and_place),
		TEST(test_threads),
		TEST(test_unwritable),
		TEST(test_more_places_than_room),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
