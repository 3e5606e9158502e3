// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM object: from /dev/kvm to a machine that has RAM and interrupt controllers.
 *
 * No conclusion is drawn from CPUID flags: lkvm opens the device and asks KVM. The architecture has
 * a table of the capabilities that KVM must have; an error message names the first one that is
 * missing. The order is: VM, RAM slots, then everything that the architecture creates in the VM.
 * RAM comes first because registering a slot after the interrupt controller costs 5 ms on some
 * hosts.
 *
 * This is the one module of level core; it runs on the main thread before any other thread exists.
 * vCPUs (kvm-cpu.c), routing (irq.c) and chips (hw/) come at later levels and find the machine in
 * struct kvm. core/end.c ends a run, core/reset.c resets the machine in place.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, sections 4.1, 4.2, 4.4, 4.35.
 */
#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAM_PAGE 4096

static const char *kvm_hugetlbfs_asked; /* --hugetlbfs */

static const struct option kvm_options[] = {
	{.name = "mem",
	 .short_name = 'm',
	 .type = OPTION_SIZE,
	 .value = &config.mem_bytes,
	 .arg = "SIZE[K|M|G]",
	 .min = MIB,
	 .help = "guest RAM, MiB without a suffix (64 MiB x (cpus + 3))"},
	{.name = "dev",
	 .type = OPTION_STRING,
	 .value = &config.dev,
	 .arg = "PATH",
	 .help = "the KVM device (/dev/kvm)"},
	{.name = "hugetlbfs",
	 .type = OPTION_STRING,
	 .value = &kvm_hugetlbfs_asked,
	 .arg = "PATH",
	 .help = "take guest RAM from this mounted hugetlbfs"},
};
OPTION_GROUP(kvm, run, "Machine", 10, kvm_options);

/*
 * Reads /etc/group itself: getgrgid() needs shared libraries, which a static binary does not have.
 */
static bool kvm_group_name(gid_t gid, char *name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	struct group *group = NULL;

	while (file && (group = fgetgrent(file)) && group->gr_gid != gid)
		;
	if (group)
		snprintf(name, size, "%s", group->gr_name);
	if (file)
		fclose(file);
	return group;
}

/* Log an error that says which group may open the device, and how a user joins it. */
static void kvm_explain_permission(const char *path)
{
	char group[64];
	struct stat st;

	if (stat(path, &st) < 0) {
		log_error("%s: permission denied", path);
		return;
	}
	if (!kvm_group_name(st.st_gid, group, sizeof(group)))
		snprintf(group, sizeof(group), "%u", (unsigned int)st.st_gid);
	if (st.st_mode & S_IWGRP)
		log_error("%s: permission denied; it belongs to group %s: add yourself with "
			  "'usermod -aG %s USER' and log in again",
			  path, group, group);
	else
		log_error("%s: permission denied; it belongs to group %s, which may not write to "
			  "it: 'chmod g+rw %s' as root, and join the group",
			  path, group, path);
}

static int kvm_open_device(struct kvm *kvm, const char *path)
{
	int version, err;

	kvm->dev_fd = open(path, O_RDWR | O_CLOEXEC);
	if (kvm->dev_fd < 0) {
		err = -errno;
		if (err == -EACCES || err == -EPERM)
			kvm_explain_permission(path);
		else if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
			log_error("%s: %s; load the kvm_intel or kvm_amd module, and see that "
				  "virtualisation is on in the firmware",
				  path, strerror(-err));
		else
			log_error("%s: %s", path, strerror(-err));
		return err;
	}
	version = ioctl(kvm->dev_fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		err = log_fail(-ENOTTY, "%s: is not a KVM device", path);
	else if (version != KVM_API_VERSION)
		err = log_fail(-ENOTSUP, "%s: speaks KVM API version %d; lkvm needs %d", path,
			       version, KVM_API_VERSION);
	else
		return 0;
	close(kvm->dev_fd);
	kvm->dev_fd = -1;
	return err;
}

static int kvm_create_vm(struct kvm *kvm)
{
	do
		kvm->vm_fd = ioctl(kvm->dev_fd, KVM_CREATE_VM, 0);
	while (kvm->vm_fd < 0 && errno == EINTR);
	if (kvm->vm_fd < 0)
		return log_fail(-errno, "%s: KVM_CREATE_VM: %s", config.dev, strerror(errno));
	return 0;
}

static int kvm_check_caps(struct kvm *kvm)
{
	for (size_t i = 0; i < arch_required_cap_count; i++) {
		const struct arch_cap *need = &arch_required_caps[i];

		if (!kvm_check_cap(kvm, need->cap))
			return log_fail(-ENOTSUP, "%s: this host's KVM lacks %s, which lkvm needs",
					config.dev, need->name);
	}
	return 0;
}

static int kvm_check_ram(struct kvm *kvm)
{
	u64 max = arch_max_ram(kvm);
	u64 host = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);

	if (config.mem_bytes % RAM_PAGE)
		return log_fail(-EINVAL, "--mem: %llu bytes is not a multiple of 4K",
				config.mem_bytes);
	if (config.mem_bytes > max)
		return log_fail(-ERANGE,
				"--mem: %llu MiB is more than this CPU can address: "
				"at most %llu MiB",
				(config.mem_bytes / MIB), (max / MIB));
	if (config.mem_bytes > host)
		log_warn("--mem: %llu MiB is more than the host's %llu MiB of RAM",
			 (config.mem_bytes / MIB), (host / MIB));
	return 0;
}

static int kvm_add_ram_slots(struct kvm *kvm)
{
	for (u32 i = 0; i < kvm->mem.count; i++) {
		const struct gmem_bank *bank = &kvm->mem.banks[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = bank->base,
			.memory_size = bank->size,
			.userspace_addr = (uintptr_t)bank->host,
		};
		int err = kvm_vm_ioctl(kvm, KVM_SET_USER_MEMORY_REGION, &slot);

		if (err)
			return log_fail(err,
					"guest RAM at 0x%llx, %llu MiB: "
					"KVM_SET_USER_MEMORY_REGION: %s",
					bank->base, (bank->size / MIB), strerror(-err));
	}
	return 0;
}

static void kvm_free(struct kvm *kvm)
{
	if (kvm->vm_fd >= 0)
		close(kvm->vm_fd);
	if (kvm->dev_fd >= 0)
		close(kvm->dev_fd);
	kvm->vm_fd = kvm->dev_fd = -1;
	if (!kvm->keep_ram) {
		gmem_unmap(&kvm->mem);
		if (kvm->loop)
			loop_free(kvm->loop);
		kvm->loop = NULL;
	}
	bus_destroy(&kvm->mmio);
	bus_destroy(&kvm->ports);
}

static int kvm_init(struct kvm *kvm)
{
	int err;

	kvm->dev_fd = kvm->vm_fd = -1;
	err = bus_init(&kvm->ports, "port");
	err = err ?: bus_init(&kvm->mmio, "mmio");
	if (err)
		return err;
	kvm->loop = loop_new();
	if (!kvm->loop) {
		err = log_fail(-errno, "the event loop cannot be made: %s", strerror(errno));
		goto err_free;
	}
	err = kvm_open_device(kvm, config.dev);
	err = err ?: kvm_check_ram(kvm);
	err = err ?: kvm_create_vm(kvm);
	err = err ?: kvm_check_caps(kvm);
	err = err ? err
		  : gmem_map(&kvm->mem, config.mem_bytes, arch_ram_hole_start, arch_ram_hole_end,
			     kvm_hugetlbfs_asked);
	err = err ?: kvm_add_ram_slots(kvm);
	err = err ?: arch_vm_init(kvm);
	if (err)
		goto err_free;
	return 0;

err_free:
	kvm_free(kvm);
	return err;
}

INIT_MODULE(kvm, .level = INIT_CORE, .init = kvm_init, .exit = kvm_free);
