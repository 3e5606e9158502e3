// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/ioctl.c: what a caller sees of an interruption, an error and a capability.
 *
 * ioctl() is this file's: it answers from a list.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

static struct kvm kvm = {.dev_fd = 10, .vm_fd = 11};
static struct kvm_cpu cpu = {.fd = 12};
static const int *answers; /* -errno, or what is returned; the last is below */
static unsigned int calls;
static int last_fd;
static unsigned long last_arg;

int ioctl(int fd, unsigned long request, ...)
{
	int answer = answers[calls++];
	va_list args;

	va_start(args, request);
	last_arg = va_arg(args, unsigned long);
	va_end(args);
	last_fd = fd;
	errno = answer < 0 ? -answer : 0;
	return answer < 0 ? -1 : answer;
}

static void answer(const int *list)
{
	answers = list;
	calls = 0;
}

static void test_an_interruption_is_not_seen(void **state)
{
	int thing;

	answer((int[]){-EINTR, -EINTR, 3});
	assert_int_equal(kvm_vm_ioctl(&kvm, KVM_CREATE_VCPU, &thing), 3);
	assert_int_equal(calls, 3);
	assert_int_equal(last_fd, 11);
	assert_int_equal(last_arg, (unsigned long)&thing);
	answer((int[]){-EINTR, 0});
	assert_int_equal(kvm_cpu_ioctl(&cpu, KVM_GET_REGS, &thing), 0);
	assert_int_equal(calls, 2);
	assert_int_equal(last_fd, 12);
}

static void test_an_error(void **state)
{
	answer((int[]){-EBUSY});
	assert_int_equal(kvm_vm_ioctl_value(&kvm, KVM_CREATE_VCPU, 7), -EBUSY);
	assert_int_equal(last_arg, 7);
	answer((int[]){-EFAULT});
	assert_int_equal(kvm_cpu_ioctl(&cpu, KVM_GET_REGS, NULL), -EFAULT);
}

/* The VM may lack what the device has; before there is a VM only the device can be asked. */
static void test_a_capability(void **state)
{
	struct kvm early = {.dev_fd = 10, .vm_fd = -1};

	answer((int[]){5});
	assert_int_equal(kvm_check_cap(&kvm, KVM_CAP_MAX_VCPUS), 5);
	assert_int_equal(last_fd, 11);
	assert_int_equal(last_arg, KVM_CAP_MAX_VCPUS);
	answer((int[]){-EINVAL});
	assert_int_equal(kvm_check_cap(&early, KVM_CAP_MAX_VCPUS), 0);
	assert_int_equal(last_fd, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_interruption_is_not_seen),
		cmocka_unit_test(test_an_error),
		cmocka_unit_test(test_a_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
