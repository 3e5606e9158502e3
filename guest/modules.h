/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel's modules on the host: where they are, and what one needs. modules.c.
 */
#ifndef GUEST_MODULES_H
#define GUEST_MODULES_H

#include <kvm/types.h>

struct modules;

/* One module to load; they stand in the order in which they are to be. */
struct module {
	char *path; /* below the folder, "kernel/fs/ext4/ext4.ko.xz" */
	bool soft;  /* only a soft dependency: it may refuse to load */
};

/*
 * Find the folder of kernel VERSION's modules: chosen (itself, or lib/modules/VERSION below it),
 * or when that is NULL beside the kernel's file or in /lib/modules. Returns 0 with *modules,
 * which is NULL when nothing was chosen and nothing is there; or -errno after log_error().
 * Main thread.
 */
int modules_open(const char *chosen, const char *kernel, const char *version,
		 struct modules **modules);
void modules_close(struct modules *modules);

/* Its path, for messages. */
const char *modules_folder(const struct modules *modules);

/*
 * Add a module by name ("virtio_blk"; - and _ are the same) behind all that it depends on; nothing
 * that is there already or built in. 0, -ENOENT when the kernel has no such module, or -errno
 * (-ELOOP, -ENOMEM) after log_error().
 */
int modules_add(struct modules *modules, const char *name);

/*
 * The same for the driver of a file system's type, "ext3": what the kernel would load for it, which
 * need not have that name.
 */
int modules_add_type(struct modules *modules, const char *type);

/* What was added. */
size_t modules_count(const struct modules *modules);
const struct module *modules_at(const struct modules *modules, size_t i);

/*
 * The module's bytes, unpacked, checked to be one of kernel version's. *data is malloc()ed. 0 or
 * -errno after log_error().
 */
int modules_read(const struct modules *modules, size_t i, const char *version, u8 **data,
		 size_t *bytes);

#endif
