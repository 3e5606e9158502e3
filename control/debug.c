// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of the control socket for debugging: debug, nmi, sysrq.
 *
 * debug parks every vCPU for a moment (kvm_pause_look()) and answers with the result of
 * arch_cpu_examine() for each; then they go on, unless the machine is paused. It waits for no
 * device, so it works while the guest hangs or a disk does. The answer is raw: registers, bytes,
 * page-table entries. The client looks up symbols (client/debug-symbols.c): their files are large,
 * and the machine does not need them.
 *
 * An answer must fit into IPC_OUTPUT_MAX bytes, whatever the number of vCPUs. The stacks are the
 * largest part, so with many vCPUs each stack is shorter.
 *
 * nmi parks the vCPUs too: its ioctl needs the vCPU outside KVM_RUN. sysrq does not touch the
 * vCPUs: it sends a break and one byte to the serial console, as a terminal does.
 *
 * On the loop's thread.
 *
 * Spec: docs/control.md.
 */
#include <kvm/control-socket.h>

#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/init.h>
#include <kvm/json-file.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/pause.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACKS_BYTES (64 * KIB) /* all vCPUs together */
#define STACK_MIN    256

static struct kvm *control_debug_kvm;

/* A request that waits for the vCPUs to be parked. */
struct control_debug_look {
	struct pause_wait wait;
	struct ipc_request *request;
	unsigned int cpu; /* for nmi */
};

static void control_debug_look(struct ipc_request *request, unsigned int cpu,
			       void (*done)(void *arg, int err))
{
	struct control_debug_look *look = malloc(sizeof(*look));

	if (!look) {
		ipc_refuse(request, "no memory");
		return;
	}
	*look = (struct control_debug_look){.request = request,
					    .cpu = cpu,
					    .wait = {.what = "debug", .done = done, .arg = look}};
	kvm_pause_look(control_debug_kvm, &look->wait);
}

static void control_debug_refuse_look(struct control_debug_look *look, int err)
{
	ipc_refuse(look->request, "its CPUs cannot be stopped to look at them: %s",
		   kvm_pause_error(err));
	free(look);
}

/* --- what arch_cpu_examine() found, as JSON --- */

/* Numbers are hexadecimal strings: a JSON integer has a sign and cannot hold all u64 values. */
static json_t *control_debug_hex(u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx", value);
	return json_string(text);
}

static void control_debug_add_register(json_t *cpu, const struct arch_register *reg)
{
	json_t *group = json_object_get(cpu, reg->group);

	if (!group) {
		group = json_object();
		json_object_set_new(cpu, reg->group, group);
	}
	json_object_set_new(group, reg->name, control_debug_hex(reg->value));
}

/* Two hexadecimal digits for each byte; ".." for a byte that is not mapped. */
static json_t *control_debug_memory(const struct arch_memory *memory)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * ARCH_MEMORY_MAX];

	for (u32 i = 0; i < memory->len; i++) {
		text[2 * i] = memory->there[i] ? digits[memory->bytes[i] >> 4] : '.';
		text[2 * i + 1] = memory->there[i] ? digits[memory->bytes[i] & 15] : '.';
	}
	return json_pack("{s:o, s:o}", "address", control_debug_hex(memory->address), "bytes",
			 json_stringn(text, 2 * (size_t)memory->len));
}

static json_t *control_debug_walk(const struct arch_walk *walk)
{
	json_t *object = json_pack("{s:s, s:o}", "mode", walk->mode, "address",
				   control_debug_hex(walk->address));
	json_t *entries = json_array();

	for (unsigned int i = 0; i < walk->count; i++) {
		const struct arch_walk_entry *entry = &walk->entries[i];

		json_array_append_new(entries, json_pack("{s:s, s:i, s:o, s:o}", "level",
							 entry->level, "index", (int)entry->index,
							 "at", control_debug_hex(entry->at),
							 "value", control_debug_hex(entry->value)));
	}
	json_object_set_new(object, "entries", entries);
	if (walk->why) {
		json_object_set_new(object, "fails", json_string(walk->why));
	} else {
		json_object_set_new(object, "gpa", control_debug_hex(walk->gpa));
		json_object_set_new(object, "page_bytes",
				    json_integer((json_int_t)walk->page_bytes));
	}
	return object;
}

static json_t *control_debug_view(const struct arch_view *view)
{
	json_t *cpu = json_pack("{s:s}", "state", view->state);

	for (unsigned int i = 0; i < view->count; i++)
		control_debug_add_register(cpu, &view->registers[i]);
	json_object_set_new(cpu, "code", control_debug_memory(&view->code));
	json_object_set_new(cpu, "stack", control_debug_memory(&view->stack));
	json_object_set_new(cpu, "walk", control_debug_walk(&view->walk));
	if (view->mapped)
		json_object_set_new(cpu, "kvm_gpa", control_debug_hex(view->gpa));
	return cpu;
}

static json_t *control_debug_kernel(void)
{
	static struct arch_kernel kernel; /* static: has 4 KiB of path */
	json_t *object = json_object();

	arch_find_kernel(&kernel);
	if (kernel.path[0])
		json_object_set_new(object, "path",
				    json_file_string(kernel.path, strlen(kernel.path)));
	if (kernel.release[0])
		json_object_set_new(object, "release", json_string(kernel.release));
	if (kernel.moved_known)
		json_object_set_new(object, "moved", control_debug_hex(kernel.moved));
	return object;
}

/* --- debug --- */

static u32 control_debug_stack_bytes(unsigned int cpus)
{
	u64 share = STACKS_BYTES / MAX(cpus, 1U) & ~7ULL;

	return (u32)MIN(MAX(share, (u64)STACK_MIN), (u64)ARCH_MEMORY_MAX);
}

static void control_debug_parked(void *arg, int err)
{
	static struct arch_view view; /* static: has more than 16 KiB */
	struct control_debug_look *look = arg;
	json_t *cpus = json_array();

	for (unsigned int i = 0; !err && i < control_debug_kvm->cpu_count; i++) {
		err = arch_cpu_examine(&control_debug_kvm->cpus[i],
				       control_debug_stack_bytes(control_debug_kvm->cpu_count),
				       &view);
		if (!err)
			json_array_append_new(cpus, control_debug_view(&view));
	}
	if (err) {
		json_decref(cpus);
		control_debug_refuse_look(look, err);
		return;
	}
	ipc_answer(look->request,
		   json_pack("{s:o, s:b, s:o, s:o}", "name",
			     json_file_string(config.name, strlen(config.name)), "paused",
			     kvm_is_paused(), "kernel", control_debug_kernel(), "cpus", cpus));
	free(look);
}

static void control_debug_debug(struct ipc_request *request, const json_t *params, void *arg)
{
	control_debug_look(request, 0, control_debug_parked);
}

/* --- nmi --- */

static void control_debug_nmi_parked(void *arg, int err)
{
	struct control_debug_look *look = arg;

	if (err) {
		control_debug_refuse_look(look, err);
		return;
	}
	err = arch_cpu_nmi(&control_debug_kvm->cpus[look->cpu]);
	if (err == -ESRCH)
		ipc_refuse(look->request, "the guest has not started CPU %u", look->cpu);
	else if (err)
		ipc_refuse(look->request, "CPU %u takes no NMI: %s", look->cpu, strerror(-err));
	else
		ipc_answer(look->request, NULL);
	free(look);
}

static void control_debug_nmi(struct ipc_request *request, const json_t *params, void *arg)
{
	const json_t *cpu = json_object_get(params, "cpu");

	if (!json_is_integer(cpu) || json_integer_value(cpu) < 0 ||
	    json_integer_value(cpu) >= (json_int_t)control_debug_kvm->cpu_count) {
		ipc_refuse(request, "its CPUs are 0 to %u", control_debug_kvm->cpu_count - 1);
		return;
	}
	control_debug_look(request, (unsigned int)json_integer_value(cpu),
			   control_debug_nmi_parked);
}

/* --- sysrq --- */

static void control_debug_sysrq(struct ipc_request *request, const json_t *params, void *arg)
{
	const char *key = json_string_value(json_object_get(params, "key"));
	int err;

	if (!key || strlen(key) != 1 || key[0] <= ' ' || key[0] > '~') {
		ipc_refuse(request, "key is a string of one printable character, such as \"h\"");
		return;
	}
	err = console_send_sysrq((u8)key[0]);
	if (err)
		ipc_refuse(request,
			   "its COM1 takes no input now: no driver of the guest has opened "
			   "it to receive, or it does not read what it has");
	else
		ipc_answer(request, NULL);
}

static struct ipc_command control_debug_commands[] = {
	{.name = "debug", .handle = control_debug_debug},
	{.name = "nmi", .handle = control_debug_nmi},
	{.name = "sysrq", .handle = control_debug_sysrq},
};

static int control_debug_init(struct kvm *kvm)
{
	control_debug_kvm = kvm;
	for (size_t i = 0; i < ARRAY_SIZE(control_debug_commands); i++)
		ipc_add_command(&control_debug_commands[i]);
	return 0;
}

INIT_MODULE(ipc_debug, .level = INIT_LATE, .init = control_debug_init);
