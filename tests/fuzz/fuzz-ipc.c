// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: hostile clients of the control socket, against control/socket.c, control/commands.c
 * and control/debug.c.
 *
 * The machine is a fake: what commands do to it is counted. Each input is steps of up to four
 * clients: connect, send some bytes, read, close a side, hang up; an event from the machine; a turn
 * of the loop. Invariants, besides what the sanitizers see: a pause that was asked for is
 * answered once; each line that a client reads is a JSON object; when all clients have gone and
 * the socket is closed, no descriptor is left.
 */
#include "tests/lib/fuzz.h"

#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/console.h>
#include <kvm/control-name.h>
#include <kvm/device.h>
#include <kvm/event.h>
#include <kvm/exit.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/pause.h>
#include <kvm/phase.h>
#include <kvm/runtime-dir.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS 4
#define CPUS	2

static char folder[64];
static int folder_fd;
static struct kvm_cpu cpus[CPUS];
static struct kvm machine = {.cpus = cpus, .cpu_count = CPUS};
static struct pause_wait *waiting;
static bool paused;

/* --- the machine --- */

int instance_dir_fd(void)
{
	return folder_fd;
}

void kvm_end(struct kvm *kvm, enum end_reason reason, int status)
{
}

enum end_reason kvm_end_reason(int *status)
{
	if (status)
		*status = 7;
	return END_RUNNING;
}

bool kvm_is_ending(void)
{
	return false;
}

const char *kvm_end_name(enum end_reason reason)
{
	return "running";
}

void kvm_press_power_button(u64 grace_ns)
{
	CHECK(grace_ns <= INT32_MAX * NSEC_PER_MSEC);
}

void kvm_pause(struct kvm *kvm, struct pause_wait *wait)
{
	wait->next = waiting;
	waiting = wait;
}

const char *kvm_pause_error(int err)
{
	return strerror(-err);
}

void kvm_pause_look(struct kvm *kvm, struct pause_wait *wait)
{
	kvm_pause(kvm, wait);
}

int arch_cpu_examine(struct kvm_cpu *cpu, u32 stack_bytes, struct arch_view *view)
{
	CHECK(cpu >= cpus && cpu < cpus + CPUS && stack_bytes <= ARCH_MEMORY_MAX);
	*view = (struct arch_view){.state = "runs",
				   .registers = {{"general", "rip", ~0ULL}},
				   .count = 1,
				   .code = {.len = 16},
				   .stack = {.len = stack_bytes},
				   .walk = {.mode = "PAE", .count = 1, .why = "not present"}};
	view->walk.entries[0].level = "PDPT";
	memset(view->stack.there, 1, stack_bytes);
	return paused ? -EIO : 0;
}

int arch_cpu_nmi(struct kvm_cpu *cpu)
{
	CHECK(cpu >= cpus && cpu < cpus + CPUS);
	return paused ? -ESRCH : 0;
}

void arch_find_kernel(struct arch_kernel *kernel)
{
	*kernel = (struct arch_kernel){.path = "/boot/\xff", .release = ""};
}

int console_send_sysrq(u8 key)
{
	CHECK(key > ' ' && key <= '~');
	return paused ? -EBUSY : 0;
}

static void tell_paused(int err)
{
	while (waiting) {
		struct pause_wait *wait = waiting;

		waiting = wait->next;
		wait->done(wait->arg, err);
	}
}

int kvm_resume(struct kvm *kvm)
{
	paused = !paused;
	return paused ? 0 : -EIO;
}

bool kvm_is_paused(void)
{
	return paused;
}

u64 phase_ns(enum phase phase)
{
	return 0;
}

/* --- clients --- */

static struct {
	struct fuzz_input input;
	struct loop_bell bell; /* the next step: between two of them the loop has a turn */
	int fds[CLIENTS];
	unsigned int turns;
} play;

static void connect_client(int *fd)
{
	struct sockaddr_un address;

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(*fd >= 0);
	runtime_dir_address(folder_fd, "fuzz.sock", &address);
	if (connect(*fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(*fd);
		*fd = -1;
	}
}

/* All that has come: whole lines are JSON objects. */
static void read_client(int fd)
{
	static char text[256 * 1024];
	ssize_t len = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	char *line = text, *end;

	while (len > 0 && (end = memchr(line, '\n', (size_t)(text + len - line)))) {
		json_t *object = json_loadb(line, (size_t)(end - line), 0, NULL);

		CHECK(json_is_object(object));
		json_decref(object);
		line = end + 1;
	}
}

static void send_client(int fd)
{
	static const char *const words[] = {"{\"command\":\"",
					    "stat\"}\n",
					    "hello\",\"id\":",
					    "pause\"}\n",
					    "resume\"}\n",
					    "subscribe\"}\n",
					    "stop\"",
					    "\"grace_ms\":",
					    "\"force\":true}\n",
					    "debug\"}\n",
					    "nmi\",\"cpu\":",
					    "sysrq\",\"key\":\"",
					    "1",
					    "\n",
					    "{",
					    "}\n"};
	u8 what = (u8)fuzz_take(&play.input, 1);
	size_t len;

	if (what < 0xc0) {
		const char *word = words[what % ARRAY_SIZE(words)];

		send(fd, word, strlen(word), MSG_NOSIGNAL);
		return;
	}
	len = MIN((size_t)(what & 0x3f), (size_t)(play.input.end - play.input.at));
	send(fd, play.input.at, len, MSG_NOSIGNAL);
	play.input.at += len;
}

static void step(void *arg)
{
	unsigned int what = (unsigned int)fuzz_take(&play.input, 1);
	int *fd = &play.fds[what / 8 % CLIENTS];

	if (play.input.at == play.input.end || play.turns++ == 200) {
		loop_stop(machine.loop);
		return;
	}
	loop_ring(machine.loop, &play.bell);
	if (*fd < 0) {
		connect_client(fd);
		return;
	}
	switch (what % 8) {
	case 0:
		close(*fd);
		*fd = -1;
		break;
	case 1:
		shutdown(*fd, SHUT_WR);
		break;
	case 2:
		read_client(*fd);
		break;
	case 3:
		tell_paused(what & 0x40 ? -ETIMEDOUT : 0);
		break;
	case 4:
		event_post("paused");
		break;
	default:
		send_client(*fd);
	}
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void remove_folder(void)
{
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	config.name = "fuzz";
	log_set_sink(fuzz_drop_line, NULL);
	snprintf(folder, sizeof(folder), "/dev/shm/fuzz-ipc.%d", (int)getpid());
	CHECK(!mkdir(folder, 0700));
	atexit(remove_folder);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned int before = open_fds();

	play.input = (struct fuzz_input){data, data + size};
	play.turns = 0;
	play.bell = (struct loop_bell){.fn = step};
	for (unsigned int i = 0; i < CLIENTS; i++)
		play.fds[i] = -1;
	machine.loop = loop_new();
	CHECK(machine.loop && !init_run(&machine));
	loop_add_bell(machine.loop, &play.bell);
	loop_ring(machine.loop, &play.bell);
	loop_run(machine.loop);
	tell_paused(-ECANCELED);
	init_exit(&machine);
	loop_remove_bell(machine.loop, &play.bell);
	loop_free(machine.loop);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		if (play.fds[i] >= 0)
			close(play.fds[i]);
	}
	CHECK(open_fds() == before);
	return 0;
}
