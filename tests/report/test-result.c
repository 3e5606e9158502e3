// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins result.c: the file is valid JSON whatever the guest wrote, and never an older run's.
 */
#include "tests/console/feed-lines.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/kernel-lines.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/lines.h>
#include <kvm/log.h>
#include <kvm/phase.h>
#include <kvm/result.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[] = "/tmp/lkvm-test-result-XXXXXX";
static char path[64];
static char last_line[1024];
static unsigned int log_lines;

void kvm_cpu_sum_exits(const struct kvm *kvm, u64 counts[KVM_CPU_EXIT_KINDS])
{
	memset(counts, 0, KVM_CPU_EXIT_KINDS * sizeof(counts[0]));
	counts[KVM_EXIT_IO] = 5;
	counts[KVM_EXIT_MMIO] = 1ULL << 40;
}

static char panic_line[256];

void kvm_panic(struct kvm *kvm, const char *line)
{
	if (!panic_line[0])
		snprintf(panic_line, sizeof(panic_line), "%s", line);
}

void kvm_panic_done(struct kvm *kvm)
{
}

bool kvm_panic_line(char *line, size_t size)
{
	snprintf(line, size, "%s", panic_line);
	return line[0];
}

static void record(enum log_level level, const char *line, void *arg)
{
	snprintf(last_line, sizeof(last_line), "%s", line);
	log_lines++;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int group_set_up(void **state)
{
	return mkdtemp(top) ? chmod(top, 0755) : -1;
}

static int group_tear_down(void **state)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int set_up(void **state)
{
	log_set_sink(record, NULL);
	log_lines = 0;
	last_line[0] = '\0';
	snprintf(path, sizeof(path), "%s/result.json", top);
	unlink(path);
	config = (struct config){.name = "box"};
	return 0;
}

static int tear_down(void **state)
{
	log_set_sink(NULL, NULL);
	return 0;
}

static int parse_option(const char *file)
{
	char *argv[] = {"run", "--result", (char *)(uintptr_t)file, NULL};
	int positional;

	return options_parse("run", 3, argv, &positional);
}

#include <jansson.h>

static json_t *load(void)
{
	json_error_t error;
	json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (!object)
		print_error("%s: line %d: %s\n", path, error.line, error.text);
	assert_true(json_is_object(object));
	return object;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static unsigned int files_in(const char *name)
{
	DIR *dir = opendir(name);
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2; /* . and .. */
}

/* Result of a run whose console said this, its last line; freed by the caller. */
static json_t *result_of_console(const void *bytes, size_t len)
{
	feed_lines(NULL, LINES_KERNEL, bytes, len);
	feed_lines(NULL, LINES_KERNEL, (const u8 *)"\n", 1);
	assert_int_equal(result_finish(NULL, "exit", 3), 0);
	return load();
}

static json_t *last_console_line(const json_t *object)
{
	json_t *console = json_object_get(object, "console");

	assert_true(json_array_size(console) > 0);
	return json_array_get(console, json_array_size(console) - 1);
}

static void test_an_older_result_is_replaced_at_once(void **state)
{
	json_t *object;

	write_file(path, "{\"reason\":\"poweroff\",\"status\":0}");
	assert_int_equal(parse_option(path), 0);
	assert_string_equal(config.result, path);
	object = load();
	assert_string_equal(text_of(object, "reason"), "running");
	assert_null(json_object_get(object, "status"));
	json_decref(object);
	assert_int_equal(files_in(top), 1);

	assert_int_equal(result_finish(NULL, "error", 125), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "error");
	assert_int_equal(json_integer_value(json_object_get(object, "status")), 125);
	assert_true(json_is_null(json_object_get(object, "error")));
	json_decref(object);
	assert_int_equal(files_in(top), 1); /* no temporary file stays */
	assert_int_equal(log_lines, 0);
}

static void test_what_it_says(void **state)
{
	static struct kvm kvm;
	json_t *object, *phases, *exits;

	phase_mark(PHASE_EXEC);
	phase_mark(PHASE_VM_READY);
	assert_int_equal(parse_option(path), 0);
	assert_int_equal(result_finish(&kvm, "poweroff", 0), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "poweroff");
	assert_string_equal(text_of(object, "name"), "box");
	assert_true(json_is_null(json_object_get(object, "panic")));
	assert_int_equal(json_object_size(json_object_get(object, "reports")), 0);
	assert_true(json_is_null(json_object_get(object, "first_report")));
	assert_true(json_is_null(json_object_get(object, "guest")));
	phases = json_object_get(object, "phases_ms");
	assert_int_equal(json_object_size(phases), PHASE_COUNT);
	assert_true(json_real_value(json_object_get(phases, "vm_ready")) >= 0);
	assert_true(json_is_null(json_object_get(phases, "first_kvm_run")));
	assert_true(json_is_real(json_object_get(phases, "end")));
	exits = json_object_get(object, "exits");
	assert_int_equal(json_object_size(exits), 2);
	assert_int_equal(json_integer_value(json_object_get(exits, "io")), 5);
	assert_int_equal(json_integer_value(json_object_get(exits, "mmio")), 1LL << 40);
	json_decref(object);
}

static void test_console_bytes_become_utf8(void **state)
{
#define BAD "\xef\xbf\xbd"
	static const struct {
		const char *console, *want;
	} cases[] = {
		{"plain \"quoted\" \\ back", "plain \"quoted\" \\ back"},
		{"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
		 "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\x1b[0m\x01\x7f", "\x1b[0m\x01\x7f"},
		{"\xff\xfe", BAD BAD},
		{"\x80", BAD},
		{"\xc0\x80", BAD BAD}, /* overlong */
		{"\xc1\xbf", BAD BAD},
		{"\xe0\x9f\xbf", BAD BAD BAD},
		{"\xe0\xa0\x80", "\xe0\xa0\x80"},
		{"\xed\x9f\xbf", "\xed\x9f\xbf"},
		{"\xed\xa0\x80", BAD BAD BAD}, /* a surrogate */
		{"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD},
		{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		{"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond U+10FFFF */
		{"\xf5\x80\x80\x80", BAD BAD BAD BAD},
		{"a\xe2\x82", "a" BAD BAD}, /* cut off */
		{"\xe2\x82"
		 "a",
		 BAD BAD "a"},
		{"\xf0\x9f\x98", BAD BAD BAD},
		{"\xef\xbf\xbf", "\xef\xbf\xbf"}, /* no character, but valid */
	};

	assert_int_equal(parse_option(path), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *console = cases[i].console;
		json_t *object = result_of_console(console, strlen(console));

		assert_string_equal(json_string_value(last_console_line(object)), cases[i].want);
		json_decref(object);
	}
}

static void test_nuls_and_long_lines(void **state)
{
	u8 bytes[LINES_MAX_BYTES + 100];
	json_t *object, *line;

	assert_int_equal(parse_option(path), 0);
	object = result_of_console("a\0b", 3);
	line = last_console_line(object);
	assert_int_equal(json_string_length(line), 3);
	assert_memory_equal(json_string_value(line), "a\0b", 3);
	json_decref(object);

	memset(bytes, 0xff, sizeof(bytes)); /* three bytes each, when they are replaced */
	object = result_of_console(bytes, sizeof(bytes));
	line = last_console_line(object);
	assert_int_equal(json_string_length(line), 3 * LINES_MAX_BYTES);
	json_decref(object);
}

/* Every byte in every place of a character, without thinking about which are valid. */
static void test_any_bytes_are_valid_json(void **state)
{
	u32 seed = 1;

	assert_int_equal(parse_option(path), 0);
	for (unsigned int round = 0; round < 20; round++) {
		u8 bytes[4096];
		json_t *object;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = (u8)(seed >> 16 | (i % 3 ? 0x80 : 0));
		}
		object = result_of_console(bytes, sizeof(bytes));
		json_decref(object);
	}
}

/* What cat shows of the file is text, whatever the guest wrote. */
static void test_a_terminal_may_show_it(void **state)
{
	static const char console[] = "\x1b[2J \x07 \x7f \xc2\x9b"
				      "31m \xc2\x80 \xc2\xa0";
	json_t *object;
	char text[8192];
	ssize_t len;
	int fd;

	assert_int_equal(parse_option(path), 0);
	object = result_of_console(console, sizeof(console) - 1);
	assert_string_equal(json_string_value(last_console_line(object)), console);
	json_decref(object);
	fd = open(path, O_RDONLY);
	while ((len = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < len; i++) {
			assert_true((u8)text[i] >= ' ' || text[i] == '\n');
			assert_int_not_equal(text[i], 0x7f);
			assert_false((u8)text[i] == 0xc2 && i + 1 < len && (u8)text[i + 1] < 0xa0);
		}
	}
	close(fd);
}

/* The first panic stays; this test is the last that has none before it. */
static void test_panic_line(void **state)
{
	static const char line[] = "[    1.0] Kernel panic - not syncing: \xff\n"
				   "Kernel panic - not syncing: another\n";
	json_t *object;

	assert_int_equal(parse_option(path), 0);
	object = result_of_console(line, sizeof(line) - 1);
	assert_string_equal(text_of(object, "panic"), "Kernel panic - not syncing: " BAD);
	json_decref(object);
}

static void test_kernel_reports(void **state)
{
	json_t *object, *kinds, *first, *guest;

	assert_int_equal(parse_option(path), 0);
	report_line(NULL, "[    1.0] Oops: 0000 [#1] SMP");
	report_line(NULL, "[    1.1] ---[ end trace 0000000000000000 ]---");
	kvm_note_end(NULL, END_EXIT, 7);
	kvm_end_overrule(END_FAULT, STATUS_FAULT);
	assert_int_equal(result_finish(NULL, "fault", STATUS_FAULT), 0);
	object = load();
	kinds = json_object_get(object, "reports");
	assert_int_equal(json_object_size(kinds), 1);
	assert_int_equal(json_integer_value(json_object_get(kinds, "oops")), 1);
	first = json_object_get(object, "first_report");
	assert_int_equal(json_array_size(first), 2);
	assert_string_equal(json_string_value(json_array_get(first, 0)),
			    "[    1.0] Oops: 0000 [#1] SMP");
	guest = json_object_get(object, "guest");
	assert_string_equal(text_of(guest, "reason"), "exit");
	assert_int_equal(json_integer_value(json_object_get(guest, "status")), 7);
	json_decref(object);
}

static void test_a_name_need_not_be_utf8(void **state)
{
	json_t *object;

	assert_int_equal(parse_option(path), 0);
	config.name = "b\xf6x";
	assert_int_equal(result_finish(NULL, "exit", 0), 0);
	object = load();
	assert_string_equal(text_of(object, "name"), "b" BAD "x");
	json_decref(object);
	config.name = NULL;
	assert_int_equal(result_finish(NULL, "exit", 0), 0);
	object = load();
	assert_true(json_is_null(json_object_get(object, "name")));
	json_decref(object);
}

static void test_without_the_option_nothing_happens(void **state)
{
	assert_int_equal(result_finish(NULL, "exit", 0), 0);
	assert_int_equal(files_in(top), 0);
}

static void test_not_a_regular_file(void **state)
{
	static const char *const names[] = {"/dev/null", "/tmp", "/dev/tty"};
	char fifo[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(parse_option(names[i]), -ENOTSUP);
		assert_int_equal(log_lines, i + 1);
		assert_non_null(strstr(last_line, names[i]));
		assert_non_null(strstr(last_line, "not a regular file"));
		assert_null(config.result);
	}
	snprintf(fifo, sizeof(fifo), "%s/fifo", top);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(parse_option(fifo), -ENOTSUP); /* and does not wait for a reader */
	unlink(fifo);
}

static void test_a_directory_that_does_not_take_it(void **state)
{
	char closed[80], file[96];

	assert_int_equal(parse_option("/nowhere/at/all.json"), -ENOENT);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(last_line, "--result /nowhere/at/all.json: cannot be written"));
	assert_null(config.result);

	snprintf(closed, sizeof(closed), "%s/closed", top);
	snprintf(file, sizeof(file), "%s/result.json", closed);
	assert_int_equal(mkdir(closed, 0555), 0);
	if (!geteuid())
		assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
	assert_int_equal(parse_option(file), -EACCES);
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(log_lines, 2);
	assert_null(config.result);
	assert_int_equal(files_in(closed), 0);
	rmdir(closed);
}

static void test_standard_output_is_refused(void **state)
{
	assert_int_equal(parse_option("-"), -EINVAL);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(last_line, "--result -: standard output is the guest's console"));
	assert_null(config.result);
	assert_int_equal(access("-", F_OK), -1);
}

/* A link that lies where the temporary file is to be: what it names stays as it is. */
static void test_a_link_is_not_followed(void **state)
{
	char temporary[96], victim[96];
	struct stat st;
	json_t *object;

	snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	snprintf(victim, sizeof(victim), "%s/victim", top);
	write_file(victim, "precious");
	assert_int_equal(symlink(victim, temporary), 0);
	assert_int_equal(parse_option(path), 0);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, strlen("precious"));
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	object = load();
	json_decref(object);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(files_in(top), 1);
	assert_int_equal(log_lines, 0);
}

/* The first error, as it was said; the last test, for there is only one first error. */
static void test_the_error_is_in_it(void **state)
{
	json_t *object;

	assert_int_equal(parse_option(path), 0);
	log_get_first_error(last_line, sizeof(last_line));
	assert_int_equal(result_finish(NULL, "error", 125), 0);
	object = load();
	assert_string_equal(text_of(object, "error"), last_line);
	/* Of test_not_a_regular_file. */
	assert_string_equal(last_line, "--result /dev/null: is not a regular file");
	json_decref(object);
}

/* A directory that goes away during the run: an error with a line, no crash. */
static void test_the_end_cannot_be_written(void **state)
{
	char gone[80], file[96];

	snprintf(gone, sizeof(gone), "%s/gone", top);
	snprintf(file, sizeof(file), "%s/result.json", gone);
	assert_int_equal(mkdir(gone, 0755), 0);
	assert_int_equal(parse_option(file), 0);
	unlink(file);
	rmdir(gone);
	assert_int_equal(result_finish(NULL, "exit", 0), -ENOENT);
	assert_int_equal(log_lines, 1);

	/* Something that cannot be replaced: nothing of ours is left beside it. */
	assert_int_equal(parse_option(path), 0);
	unlink(path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(result_finish(NULL, "exit", 0), -EISDIR);
	assert_int_equal(log_lines, 2);
	assert_int_equal(files_in(top), 1);
	rmdir(path);
}

/* A detached machine's: beside --result or without it. */
static void test_kept_as_well(void **state)
{
	char other[96];
	json_t *object;

	snprintf(other, sizeof(other), "%s/other.json", top);
	assert_int_equal(parse_option(other), 0);
	assert_int_equal(result_keep(path), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "running");
	json_decref(object);
	assert_int_equal(result_finish(NULL, "poweroff", 0), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "poweroff");
	assert_non_null(json_object_get(object, "console"));
	json_decref(object);
	assert_int_equal(files_in(top), 2);
	/* No more: the next run is another's. */
	assert_int_equal(result_keep(NULL), 0);
	assert_int_equal(result_finish(NULL, "crash", 122), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "poweroff");
	json_decref(object);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(log_lines, 0);
}

/* What takes its temporary file's place stands for a disk that is full. */
static void test_a_short_form_when_there_is_no_room(void **state)
{
	char temporary[96];
	json_t *object;

	assert_int_equal(result_keep(path), 0);
	snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	assert_int_equal(mkdir(temporary, 0700), 0);
	assert_int_equal(result_finish(NULL, "exit", 7), 0);
	object = load();
	assert_string_equal(text_of(object, "reason"), "exit");
	assert_int_equal(json_integer_value(json_object_get(object, "status")), 7);
	assert_int_equal(json_object_size(object), 2);
	json_decref(object);
	result_keep(NULL);
	assert_int_equal(result_keep(path), -EISDIR);
	assert_int_equal(rmdir(temporary), 0);
	assert_int_equal(log_lines, 0);
}

/* From a signal's handler: over what was there, which may be longer. */
static void test_a_short_form_at_once(void **state)
{
	static const int statuses[] = {0, 7, 99, 124, 143};

	result_finish_short("signal", 143); /* no file is wanted: nothing happens */
	assert_int_not_equal(access(path, F_OK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		json_t *object;

		assert_int_equal(result_keep(path), 0);
		assert_int_equal(result_finish(NULL, "exit", 7), 0);
		result_finish_short("signal", statuses[i]);
		object = load();
		assert_string_equal(text_of(object, "reason"), "signal");
		assert_int_equal(json_integer_value(json_object_get(object, "status")),
				 statuses[i]);
		assert_int_equal(json_object_size(object), 2);
		json_decref(object);
		result_keep(NULL);
	}
	assert_int_equal(log_lines, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_the_option_nothing_happens),
		TEST(test_an_older_result_is_replaced_at_once),
		TEST(test_what_it_says),
		TEST(test_console_bytes_become_utf8),
		TEST(test_nuls_and_long_lines),
		TEST(test_any_bytes_are_valid_json),
		TEST(test_a_terminal_may_show_it),
		TEST(test_panic_line),
		TEST(test_kernel_reports),
		TEST(test_a_name_need_not_be_utf8),
		TEST(test_not_a_regular_file),
		TEST(test_a_directory_that_does_not_take_it),
		TEST(test_the_end_cannot_be_written),
		TEST(test_kept_as_well),
		TEST(test_a_short_form_when_there_is_no_room),
		TEST(test_standard_output_is_refused),
		TEST(test_a_link_is_not_followed),
		TEST(test_the_error_is_in_it),
		TEST(test_a_short_form_at_once),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
