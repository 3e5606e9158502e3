// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins kvm-cpu.c and core/park.c, parking: a vCPU is parked when its last instruction is complete,
 * however many accesses that takes, and not before.
 *
 * KVM is this file's ioctl(): a KVM_RUN returns for each access that the instruction still has,
 * then, when it is to exit at once, with EINTR; else the guest runs until somebody wants it out,
 * which comes in the middle of an instruction if the test says so.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/exit.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>
#include <kvm/util.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CPUS 2

static struct kvm kvm;
static struct kvm_cpu cpus[CPUS];
static struct kvm_run runs[CPUS];

static struct {
	atomic_uint next;     /* accesses of the instruction at which it is interrupted */
	atomic_uint accesses; /* that its instruction still has */
	atomic_uint handled;
	atomic_uint entered; /* with nothing left of an instruction: the next one is executed */
} guests[CPUS];

static int run_error;
static atomic_uint parked_rings, failures;

/* False: there is none. The test may end the instruction meanwhile. */
static bool take_access(int fd)
{
	unsigned int left = atomic_load(&guests[fd].accesses);

	while (left && !atomic_compare_exchange_weak(&guests[fd].accesses, &left, left - 1))
		;
	return left;
}

int ioctl(int fd, unsigned long request, ...)
{
	if (request == KVM_GET_VCPU_MMAP_SIZE)
		return sizeof(struct kvm_run);
	assert_true(request == KVM_RUN && fd >= 0 && fd < CPUS);
	if (!atomic_load(&guests[fd].accesses)) {
		while (!__atomic_load_n(&runs[fd].immediate_exit, __ATOMIC_SEQ_CST)) {
			atomic_fetch_add(&guests[fd].entered, 1);
			usleep(100);
		}
		atomic_store(&guests[fd].accesses, atomic_exchange(&guests[fd].next, 0));
	}
	if (take_access(fd)) {
		runs[fd].exit_reason = KVM_EXIT_MMIO;
		return 0;
	}
	errno = run_error;
	return -1;
}

void kvm_exit_handle(struct kvm_cpu *cpu)
{
	assert_int_equal(cpu->run->exit_reason, KVM_EXIT_MMIO);
	atomic_fetch_add(&guests[cpu->id].handled, 1);
}

void kvm_exit_run_failed(struct kvm_cpu *cpu, int error)
{
	assert_int_equal(error, run_error);
	atomic_fetch_add(&failures, 1);
}

static void parked(void *arg)
{
	assert_ptr_equal(arg, &kvm);
	atomic_fetch_add(&parked_rings, 1);
}

/* --- its set-up: a vCPU's descriptor is a file of the size that KVM says --- */

static int most_cpus;
static unsigned int made, made_ready, fails_at;

int kvm_check_cap(const struct kvm *machine, int cap)
{
	assert_int_equal(cap, KVM_CAP_MAX_VCPUS);
	return most_cpus;
}

int kvm_vm_ioctl_value(const struct kvm *machine, unsigned long request, unsigned long value)
{
	int fd = memfd_create("vcpu", MFD_CLOEXEC);

	assert_true(request == KVM_CREATE_VCPU && value == made);
	made++;
	assert_int_equal(ftruncate(fd, sizeof(struct kvm_run)), 0);
	return fd;
}

int arch_cpu_init(struct kvm_cpu *cpu)
{
	if (cpu->id == fails_at)
		return -EIO;
	cpu->run->exit_reason = 77; /* it can be written */
	made_ready++;
	return 0;
}

/* The clock of the thread of vCPU n, which has used n + 3 seconds. */
#define CPU_CLOCK 1000

int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
	for (int i = 0; i < CPUS; i++) {
		if (pthread_equal(thread, cpus[i].thread))
			*clock = CPU_CLOCK + i;
	}
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock < CPU_CLOCK)
		return (int)syscall(SYS_clock_gettime, clock, time);
	*time = (struct timespec){clock - CPU_CLOCK + 3, 7};
	return 0;
}

/* The host lets this process run on three CPUs. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	CPU_ZERO_S(size, set);
	for (size_t i = 0; i < 3; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

static int set_up(void **state)
{
	park_init();
	park_set_hook(parked, &kvm);
	memset(guests, 0, sizeof(guests));
	memset(runs, 0, sizeof(runs));
	run_error = EINTR;
	parked_rings = failures = 0;
	log_record();
	kvm = (struct kvm){.cpus = cpus, .cpu_count = CPUS};
	for (unsigned int i = 0; i < CPUS; i++)
		cpus[i] = (struct kvm_cpu){.kvm = &kvm, .id = i, .fd = (int)i, .run = &runs[i]};
	return kvm_cpu_start_all(&kvm);
}

static int tear_down(void **state)
{
	int err = kvm_cpu_join_all(&kvm);

	log_record_end();
	return err;
}

static bool wait_parked(unsigned int ms)
{
	while (!park_is_complete(&kvm) && ms--)
		usleep(1000);
	return park_is_complete(&kvm);
}

static bool wait_entered(unsigned int cpu)
{
	unsigned int before = guests[cpu].entered;

	for (int ms = 0; ms < 5000 && guests[cpu].entered == before; ms++)
		usleep(1000);
	return guests[cpu].entered != before;
}

static void test_park_and_go_on(void **state)
{
	for (int round = 0; round < 50; round++) {
		unsigned int entered;

		park_ask_all(&kvm, PARK_REQUEST);
		assert_true(wait_parked(5000));
		entered = guests[0].entered;
		usleep(500);
		assert_int_equal(guests[0].entered, entered);
		park_release_all(&kvm);
		assert_true(wait_entered(0) && wait_entered(1));
	}
	assert_int_equal(parked_rings, 50 * CPUS);
	assert_int_equal(logged.lines, 0);
}

/* What KVM makes of a `rep movs` from MMIO, and the most that may be. */
static void test_a_long_instruction_is_completed(void **state)
{
	static const unsigned int lengths[] = {1, 64, 65, 1024, 4095};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		guests[1].handled = 0;
		guests[1].next = lengths[i];
		park_ask_all(&kvm, PARK_REQUEST);
		assert_true(wait_parked(5000));
		assert_int_equal(guests[1].accesses, 0);
		assert_int_equal(guests[1].handled, lengths[i]);
		park_release_all(&kvm);
		assert_true(wait_entered(0) && wait_entered(1));
	}
	assert_int_equal(logged.lines, 0);
}

/* Beyond that it is reported; and it is not parked in its middle all the same. */
static void test_an_instruction_without_end(void **state)
{
	guests[1].next = 1U << 31;
	park_ask_all(&kvm, PARK_REQUEST);
	assert_false(wait_parked(100));
	assert_true(cpus[0].parked);
	assert_true(logged.lines);
	assert_non_null(strstr(logged.last, "vCPU 1: an instruction is not complete after 4096"));
	park_report_missing(&kvm, "pause");
	assert_non_null(strstr(logged.last, "pause: vCPU 1 does not leave the guest"));
	guests[1].accesses = 20000;
	assert_true(wait_parked(5000));
	assert_int_equal(guests[1].accesses, 0);
	park_release_all(&kvm);
	assert_true(wait_entered(0) && wait_entered(1));
}

/* Whoever asked gave up: it goes on with the guest. */
static void test_called_off_in_its_middle(void **state)
{
	guests[0].next = guests[1].next = 1U << 31;
	park_ask_all(&kvm, PARK_REQUEST);
	assert_false(wait_parked(20));
	park_release_all(&kvm);
	guests[0].accesses = guests[1].accesses = 0;
	assert_true(wait_entered(0) && wait_entered(1));
	assert_false(cpus[0].parked || cpus[1].parked);
}

/* A CPU that the guest has not started says EAGAIN; anything else is the end of the run. */
static void test_errors(void **state)
{
	run_error = EAGAIN;
	park_ask_all(&kvm, PARK_REQUEST);
	assert_true(wait_parked(5000));
	assert_int_equal(failures, 0);
	park_release_all(&kvm);
	assert_true(wait_entered(0) && wait_entered(1));
	run_error = EFAULT;
	park_ask_all(&kvm, PARK_REQUEST);
	assert_true(wait_parked(5000));
	assert_true(failures >= CPUS);
}

static void test_time_that_was_used(void **state)
{
	assert_int_equal(kvm_cpu_used_ns(&kvm), 7 * NSEC_PER_SEC + 14);
	assert_int_equal(kvm_cpu_join_all(&kvm), 0);
	assert_int_equal(kvm_cpu_used_ns(&kvm), 0);
}

/* What is no request is handled, and the guest goes on. */
static void test_exits_are_handled(void **state)
{
	park_ask_all(&kvm, PARK_REQUEST);
	assert_true(wait_parked(5000));
	guests[0].accesses = 5;
	park_release_all(&kvm);
	assert_true(wait_entered(0));
	assert_int_equal(guests[0].handled, 5);
	assert_int_equal(failures, 0);
}

static void test_a_stop_reaches_a_parked_vcpu(void **state)
{
	park_ask_all(&kvm, PARK_REQUEST);
	assert_true(wait_parked(5000));
	assert_int_equal(kvm_cpu_join_all(&kvm), 0);
	assert_false(cpus[0].started || cpus[1].started);
	assert_true(cpus[0].left && cpus[1].left);
}

static unsigned int open_files(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void make_machine(unsigned int count, bool by_default)
{
	config.cpus = count;
	config.cpus_by_default = by_default;
	most_cpus = 4;
	fails_at = UINT32_MAX;
	made = made_ready = 0;
}

static void test_set_up(void **state)
{
	unsigned int files = open_files();
	struct kvm machine = {};

	make_machine(3, false);
	assert_int_equal(init_run(&machine), 0);
	assert_int_equal(machine.cpu_count, 3);
	assert_int_equal(made_ready, 3);
	assert_ptr_equal(machine.cpus[2].kvm, &machine);
	assert_int_equal(machine.cpus[2].id, 2);
	assert_int_equal(open_files(), files + 3);
	init_exit(&machine);
	assert_int_equal(machine.cpu_count, 0);
	assert_int_equal(open_files(), files);
}

static void test_a_set_up_that_fails(void **state)
{
	unsigned int files = open_files();
	struct kvm machine = {};

	make_machine(4, false);
	fails_at = 2;
	assert_int_equal(init_run(&machine), -EIO);
	assert_int_equal(made, 3);
	assert_int_equal(machine.cpu_count, 0);
	assert_null(machine.cpus);
	assert_int_equal(open_files(), files);
}

/* A default becomes what KVM can; what was asked for is refused. */
static void test_how_many(void **state)
{
	struct kvm machine = {};

	make_machine(9, true);
	assert_int_equal(init_run(&machine), 0);
	assert_int_equal(machine.cpu_count, 4);
	init_exit(&machine);
	make_machine(9, false);
	assert_int_equal(init_run(&machine), -ERANGE);
	assert_int_equal(made, 0);
	assert_non_null(strstr(logged.last, "--cpus"));
}

static void assert_affinity(const char *list, int err)
{
	struct kvm machine = {};

	config.cpu_affinity = list;
	assert_int_equal(init_run(&machine), err);
	init_exit(&machine);
	config.cpu_affinity = NULL;
}

/* Some of the host's CPUs, or all; no other. */
static void test_affinity(void **state)
{
	assert_affinity("1", 0);
	assert_affinity("0-2", 0);
	assert_int_equal(logged.lines, 0);
	assert_affinity("1,3", -EINVAL);
	assert_non_null(strstr(logged.last, "names a CPU that this process may not run on"));
	assert_affinity("9999", -EINVAL);
	assert_affinity("65536", -EINVAL);
	assert_non_null(strstr(logged.last, "takes a list of host CPUs"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_park_and_go_on),
		TEST(test_a_long_instruction_is_completed),
		TEST(test_an_instruction_without_end),
		TEST(test_called_off_in_its_middle),
		TEST(test_errors),
		TEST(test_time_that_was_used),
		TEST(test_affinity),
		TEST(test_exits_are_handled),
		TEST(test_a_stop_reaches_a_parked_vcpu),
		TEST(test_set_up),
		TEST(test_a_set_up_that_fails),
		TEST(test_how_many),
	};

	return cmocka_run_group_tests_name("core/kvm-cpu", tests, NULL, NULL);
}
