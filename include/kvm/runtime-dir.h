/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder of running machines: locks and control sockets. util/runtime-dir.c.
 */
#ifndef KVM_RUNTIME_DIR_H
#define KVM_RUNTIME_DIR_H

#include <kvm/types.h>
#include <sys/un.h>

#define RUNTIME_NAME_MAX 64 /* characters of a machine's name */

/*
 * Open it; with make, make it when it is missing, for its owner alone. A descriptor, or -errno:
 * -ENOENT without make and without a word when there is none, else after log_error().
 */
int runtime_dir_open(bool make);

/* Is this a name for a machine? 0, or -EINVAL after log_error(). */
int runtime_dir_check_name(const char *name);

/*
 * The address of a file in an open folder: it fits whatever the folder's path is, and is good
 * while the descriptor is open.
 */
void runtime_dir_address(int dir, const char *file, struct sockaddr_un *address);

#endif
