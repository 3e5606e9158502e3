// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm debug: show what the CPUs of a machine are doing; send an NMI or a SysRq to its guest.
 *
 * The machine is stopped for some milliseconds and answers with raw data (control/debug.c). This
 * process, not the machine's, reads the symbols and looks them up: their files are large, and a
 * damaged file must not harm the machine.
 *
 * --nmi and --sysrq do something to the guest instead; each is a command of its own on the socket.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-debug.h>
#include <kvm/client-select.h>
#include <kvm/json-file.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/output.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_NS (15 * NSEC_PER_SEC) /* a CPU may take 5 s to leave the guest */
#define NO_CPU	  UINT32_MAX

static struct selection selection;
static struct debug_wish wish;
static unsigned int nmi_cpu = NO_CPU;
static const char *sysrq_key;
static bool as_json;

/*
 * Takes a hexadecimal number with or without 0x, the forms of /proc/kallsyms and of a panic's
 * "Kernel Offset".
 */
static int builtin_debug_parse_offset(const struct option *option, const char *arg)
{
	char text[32];

	wish.moved_given = arg != NULL;
	if (!arg)
		return 0;
	if (strlen(arg) > 18)
		return -EINVAL;
	snprintf(text, sizeof(text), "%s%s", strncmp(arg, "0x", 2) ? "0x" : "", arg);
	return parse_u64(text, &wish.moved);
}

static const struct option builtin_debug_options[] = {
	SELECTION_OPTIONS(selection),
	{.name = "vmlinux",
	 .type = OPTION_STRING,
	 .value = &wish.vmlinux,
	 .arg = "FILE",
	 .help = "symbols from an ELF kernel that is not stripped"},
	{.name = "system-map",
	 .type = OPTION_STRING,
	 .value = &wish.system_map,
	 .arg = "FILE",
	 .help = "symbols from a System.map or the guest's /proc/kallsyms"},
	{.name = "kaslr-offset",
	 .type = OPTION_CALLBACK,
	 .arg = "HEX",
	 .parse = builtin_debug_parse_offset,
	 .help = "how far the kernel runs above its symbols (lkvm finds it)"},
	{.name = "nmi",
	 .type = OPTION_UINT,
	 .value = &nmi_cpu,
	 .arg = "CPU",
	 .max = KVM_CPU_MAX - 1,
	 .help = "send this CPU a non-maskable interrupt"},
	{.name = "sysrq",
	 .type = OPTION_STRING,
	 .value = &sysrq_key,
	 .arg = "C",
	 .help = "send a break and this character to the serial console"},
	{.name = "json",
	 .type = OPTION_FLAG,
	 .value = &as_json,
	 .help = "the machine's answer, without symbols"},
};
OPTION_GROUP(debug, debug, "Debug", 10, builtin_debug_options);

static int builtin_debug_act(const char *name, int fd, const char *command, json_t *params)
{
	json_t *answer = select_call(name, fd, command, params, ANSWER_NS);

	json_decref(answer);
	return answer ? 0 : STATUS_ERROR;
}

static int builtin_debug_report(const json_t *answer)
{
	struct debug_symbols symbols = {.table = {0}};

	if (as_json)
		return json_file_print(answer) ? STATUS_ERROR : 0;
	if (debug_symbols_find(&wish, answer, &symbols))
		return STATUS_ERROR;
	debug_show(answer, &symbols);
	symbols_free(&symbols.table);
	return 0;
}

static int builtin_debug_one(const char *name, int fd)
{
	json_t *answer;
	int status;

	if (nmi_cpu != NO_CPU)
		return builtin_debug_act(name, fd, "nmi", json_pack("{s:i}", "cpu", (int)nmi_cpu));
	if (sysrq_key)
		return builtin_debug_act(name, fd, "sysrq", json_pack("{s:s}", "key", sysrq_key));
	answer = select_call(name, fd, "debug", NULL, ANSWER_NS);
	if (!answer)
		return STATUS_ERROR;
	json_object_del(answer, "ok");
	status = builtin_debug_report(answer);
	json_decref(answer);
	return output_end("debug") ? STATUS_ERROR : status;
}

/* Check the combination of options before any machine is asked. 0, or -EINVAL after log_error(). */
static int builtin_debug_check(void)
{
	if (wish.vmlinux && wish.system_map)
		return log_fail(-EINVAL, "debug: takes one of --vmlinux and --system-map");
	if (nmi_cpu != NO_CPU && sysrq_key)
		return log_fail(-EINVAL, "debug: takes one of --nmi and --sysrq");
	if (sysrq_key && (strlen(sysrq_key) != 1 || sysrq_key[0] <= ' ' || sysrq_key[0] > '~'))
		return log_fail(-EINVAL,
				"debug: option --sysrq takes C, one printable character such as h; "
				"got '%s'",
				sysrq_key);
	return 0;
}

int builtin_debug(int argc, char **argv)
{
	selection.check = builtin_debug_check;
	return select_machines("debug", &selection, argc, argv, builtin_debug_one);
}
