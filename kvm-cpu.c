// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU threads and the loop around KVM_RUN.
 *
 * Each vCPU is one thread, named vcpu-N. It enters the guest with KVM_RUN. When the guest exits,
 * the thread calls the handler of the exit (core/exit.c), which emulates the device's registers on
 * this same thread. Then the thread enters the guest again.
 *
 * A vCPU parks or stops when it is asked to (core/park.c).
 *
 * After an exit for port I/O or MMIO the instruction is only half done: KVM completes it at the
 * next KVM_RUN. So before a vCPU parks, it calls KVM_RUN again with immediate_exit set, which
 * completes the instruction and then returns EINTR without executing another one. One instruction
 * may make many accesses, each with an exit of its own: a `rep movs` from MMIO makes about a
 * thousand. When the instruction is complete, the vCPU parks, and the loop's thread may read or
 * replace its registers. An instruction that is not complete after COMPLETIONS_MAX accesses is
 * reported, and the vCPU does not park: it goes on until the request to park fails with a timeout.
 * A vCPU that stops does not complete its instruction.
 *
 * Only the join at the end of the run waits for a vCPU, and only for a limited time.
 */
#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/phase.h>
#include <kvm/util.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define JOIN_TIMEOUT_S	5
#define COMPLETIONS_MAX 4096 /* accesses of one instruction: KVM makes about 1,000 of a `rep` */

static const struct option cpu_options[] = {
	{.name = "cpus",
	 .short_name = 'c',
	 .type = OPTION_UINT,
	 .value = &config.cpus,
	 .arg = "N",
	 .min = 1,
	 .max = KVM_CPU_MAX,
	 .help = "virtual CPUs (as many as the host has online)"},
	{.name = "cpu-affinity",
	 .type = OPTION_STRING,
	 .value = &config.cpu_affinity,
	 .arg = "LIST",
	 .help = "run the virtual CPUs on these host CPUs: 0-3,8"},
};
OPTION_GROUP(kvm_cpu, run, "Machine", 11, cpu_options);

static size_t run_bytes; /* size of struct kvm_run and the pages after it, shared with KVM */

/* A cpu_set_t has room for 1,024 CPUs, but Linux may be built for 8,192: use an array of them. */
#define HOST_CPUS_MAX 65536
#define HOST_CPUS_SET (HOST_CPUS_MAX / CPU_SETSIZE)
static cpu_set_t affinity[HOST_CPUS_SET];

/* True: the last instruction is complete, and the registers in KVM are the whole state. */
static bool kvm_cpu_complete_io(struct kvm_cpu *cpu)
{
	static struct log_limit limit;

	park_set_immediate_exit(cpu, true);
	for (int i = 0; i < COMPLETIONS_MAX; i++) {
		if (!ioctl(cpu->fd, KVM_RUN, 0)) {
			kvm_exit_handle(cpu);
			continue;
		}
		/* EAGAIN: the guest has not started this vCPU. */
		if (errno != EINTR && errno != EAGAIN)
			kvm_exit_run_failed(cpu, errno);
		return true;
	}
	log_line_limited(&limit, LOG_ERROR,
			 "vCPU %u: an instruction is not complete after %d accesses", cpu->id,
			 COMPLETIONS_MAX);
	return false;
}

/* Enter the guest once and handle the exit. False: this vCPU is to stop. */
static bool kvm_cpu_run_once(struct kvm_cpu *cpu)
{
	unsigned int requests = park_requests(cpu);

	if (requests & PARK_STOP)
		return false;
	if (requests & PARK_REQUEST) {
		if (kvm_cpu_complete_io(cpu))
			park_wait(cpu);
		return true;
	}
	if (ioctl(cpu->fd, KVM_RUN, 0) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			kvm_exit_run_failed(cpu, errno);
		return true;
	}
	kvm_exit_handle(cpu);
	return true;
}

static void *kvm_cpu_thread(void *arg)
{
	struct kvm_cpu *cpu = arg;
	char name[16];

	park_enter_thread();
	snprintf(name, sizeof(name), "vcpu-%u", cpu->id);
	pthread_setname_np(pthread_self(), name);
	phase_mark(PHASE_FIRST_RUN);
	while (kvm_cpu_run_once(cpu))
		;
	park_leave_thread(cpu);
	return NULL;
}

static int kvm_cpu_start(struct kvm_cpu *cpu)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * KIB);
	if (config.cpu_affinity)
		pthread_attr_setaffinity_np(&attr, sizeof(affinity), affinity);
	err = park_start_thread(cpu, &attr, kvm_cpu_thread);
	pthread_attr_destroy(&attr);
	if (err)
		log_error("vCPU %u: its thread cannot be made: %s", cpu->id, strerror(-err));
	return err;
}

int kvm_cpu_start_all(struct kvm *kvm)
{
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		int err = kvm_cpu_start(&kvm->cpus[i]);

		if (err)
			return err;
	}
	return 0;
}

int kvm_cpu_join_all(struct kvm *kvm)
{
	struct timespec until;
	int ret = 0;

	park_ask_all(kvm, PARK_STOP);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += JOIN_TIMEOUT_S;
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		if (park_join_thread(&kvm->cpus[i], &until))
			ret = log_fail(-ETIMEDOUT, "vCPU %u did not leave the guest within %d s", i,
				       JOIN_TIMEOUT_S);
	}
	return ret;
}

u64 kvm_cpu_used_ns(const struct kvm *kvm)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		const struct kvm_cpu *cpu = &kvm->cpus[i];
		struct timespec used;
		clockid_t clock;

		if (cpu->started && !pthread_getcpuclockid(cpu->thread, &clock) &&
		    !clock_gettime(clock, &used))
			sum += (u64)used.tv_sec * NSEC_PER_SEC + (u64)used.tv_nsec;
	}
	return sum;
}

void kvm_cpu_sum_exits(const struct kvm *kvm, u64 counts[KVM_CPU_EXIT_KINDS])
{
	memset(counts, 0, KVM_CPU_EXIT_KINDS * sizeof(counts[0]));
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		for (unsigned int kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++)
			counts[kind] += atomic_load_explicit(&kvm->cpus[i].exits[kind],
							     memory_order_relaxed);
	}
}

static int affinity_add(u64 host_cpu, void *arg)
{
	CPU_SET_S(host_cpu, sizeof(affinity), affinity);
	return 0;
}

static int affinity_init(void)
{
	static cpu_set_t allowed[HOST_CPUS_SET];

	if (!config.cpu_affinity)
		return 0;
	CPU_ZERO_S(sizeof(affinity), affinity);
	if (parse_list(config.cpu_affinity, HOST_CPUS_MAX - 1, affinity_add, NULL))
		return log_fail(-EINVAL,
				"--cpu-affinity takes a list of host CPUs such as 0-3,8; "
				"got '%s'",
				config.cpu_affinity);
	if (sched_getaffinity(0, sizeof(allowed), allowed) < 0)
		return log_fail(-errno,
				"--cpu-affinity %s: the host does not say on which CPUs this "
				"process may run: %s",
				config.cpu_affinity, strerror(errno));
	CPU_AND_S(sizeof(allowed), allowed, allowed, affinity);
	if (!CPU_EQUAL_S(sizeof(allowed), allowed, affinity))
		return log_fail(-EINVAL,
				"--cpu-affinity %s: names a CPU that this process may "
				"not run on",
				config.cpu_affinity);
	return 0;
}

static int kvm_cpu_create(struct kvm *kvm, unsigned int id)
{
	struct kvm_cpu *cpu = &kvm->cpus[id];
	int err;

	cpu->kvm = kvm;
	cpu->id = id;
	cpu->fd = kvm_vm_ioctl_value(kvm, KVM_CREATE_VCPU, id);
	if (cpu->fd < 0)
		return log_fail(cpu->fd, "vCPU %u: KVM_CREATE_VCPU: %s", id, strerror(-cpu->fd));
	cpu->run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (cpu->run == MAP_FAILED) {
		err = log_fail(-errno, "vCPU %u: mmap of kvm_run: %s", id, strerror(errno));
		goto err_close;
	}
	err = arch_cpu_init(cpu);
	if (err)
		goto err_unmap;
	return 0;

err_unmap:
	munmap(cpu->run, run_bytes);
err_close:
	close(cpu->fd);
	return err;
}

static void kvm_cpu_exit(struct kvm *kvm)
{
	while (kvm->cpu_count) {
		struct kvm_cpu *cpu = &kvm->cpus[--kvm->cpu_count];

		munmap(cpu->run, run_bytes);
		close(cpu->fd);
	}
	free(kvm->cpus);
	kvm->cpus = NULL;
}

static int kvm_cpu_check_count(struct kvm *kvm)
{
	unsigned int max = (unsigned int)kvm_check_cap(kvm, KVM_CAP_MAX_VCPUS);

	if (config.cpus_by_default)
		config.cpus = MIN(config.cpus, max);
	if (config.cpus > max)
		return log_fail(-ERANGE,
				"--cpus: %u is more than the %u that this host's KVM "
				"supports",
				config.cpus, max);
	return 0;
}

static int kvm_cpu_init(struct kvm *kvm)
{
	int size, err;

	err = kvm_cpu_check_count(kvm);
	err = err ?: affinity_init();
	if (err)
		return err;
	size = ioctl(kvm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return log_fail(-EINVAL, "%s: KVM_GET_VCPU_MMAP_SIZE: %d bytes are too few",
				config.dev, size);
	run_bytes = (size_t)size;
	kvm->cpus = calloc(config.cpus, sizeof(*kvm->cpus));
	if (!kvm->cpus)
		return -ENOMEM;
	park_init();
	for (unsigned int id = 0; id < config.cpus; id++) {
		err = kvm_cpu_create(kvm, id);
		if (err) {
			kvm_cpu_exit(kvm);
			return err;
		}
		kvm->cpu_count = id + 1;
	}
	return 0;
}

INIT_MODULE(kvm_cpu, .level = INIT_CPU, .init = kvm_cpu_init, .exit = kvm_cpu_exit);
