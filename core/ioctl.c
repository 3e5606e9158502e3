// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl on the VM and on a vCPU, as the rest of the machine calls it.
 *
 * A call that a signal interrupted is repeated, and errors are returned as -errno. KVM_RUN is not
 * called through here: kvm-cpu.c needs to see the interruption.
 *
 * Any thread; but while a vCPU runs, only its own thread may use the vCPU's descriptor.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, sections 2 and 4.4.
 */
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>

#include <errno.h>
#include <sys/ioctl.h>

int kvm_vm_ioctl_value(const struct kvm *kvm, unsigned long request, unsigned long value)
{
	int ret;

	do
		ret = ioctl(kvm->vm_fd, request, value);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

int kvm_vm_ioctl(const struct kvm *kvm, unsigned long request, void *arg)
{
	return kvm_vm_ioctl_value(kvm, request, (unsigned long)arg);
}

int kvm_cpu_ioctl(const struct kvm_cpu *cpu, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(cpu->fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

int kvm_check_cap(const struct kvm *kvm, int cap)
{
	int ret = ioctl(kvm->vm_fd >= 0 ? kvm->vm_fd : kvm->dev_fd, KVM_CHECK_EXTENSION, cap);

	return MAX(ret, 0);
}
