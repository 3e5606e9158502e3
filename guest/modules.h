/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel's modules on the host: where they are, and which other modules one needs. modules.c. */
#ifndef GUEST_MODULES_H
#define GUEST_MODULES_H

#include <kvm/types.h>

struct modules;

/* One module to load. The list is in the order of loading. */
struct module {
	char *path; /* below the folder, "kernel/fs/ext4/ext4.ko.xz" */
	bool soft;  /* only a soft dependency: the load may fail */
};

/*
 * Find the folder with the modules of kernel VERSION. chosen: the folder itself, or a folder that
 * has lib/modules/VERSION. NULL: search beside the kernel's file and in /lib/modules. 0 with
 * *modules, which is NULL if nothing was chosen and nothing was found; or -errno after log_error().
 * Main thread.
 */
int modules_open(const char *chosen, const char *kernel, const char *version,
		 struct modules **modules);
void modules_close(struct modules *modules);

/* The folder's path, for messages. */
const char *modules_folder(const struct modules *modules);

/*
 * Add a module by name ("virtio_blk"; - and _ are the same) after all modules that it depends on. A
 * module that is in the list already or is built in is not added. 0, -ENOENT when the kernel does
 * not have the module, or -errno (-ELOOP, -ENOMEM) after log_error().
 */
int modules_add(struct modules *modules, const char *name);

/*
 * Like modules_add(), for the driver of a type of file system ("ext3"): the module that the kernel
 * would load for the type, which may have another name.
 */
int modules_add_type(struct modules *modules, const char *type);

/* The modules that were added. */
size_t modules_count(const struct modules *modules);
const struct module *modules_at(const struct modules *modules, size_t i);

/*
 * Get the module's bytes, unpacked and checked to be for kernel VERSION. *data is malloc()ed. 0 or
 * -errno after log_error().
 */
int modules_read(const struct modules *modules, size_t i, const char *version, u8 **data,
		 size_t *bytes);

#endif
