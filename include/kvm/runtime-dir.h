/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder of running machines: locks, control sockets, files of detached machines.
 * control/runtime-dir.c.
 */
#ifndef KVM_RUNTIME_DIR_H
#define KVM_RUNTIME_DIR_H

#include <kvm/types.h>
#include <sys/un.h>

#define RUNTIME_NAME_MAX 64			 /* characters of a machine's name */
#define RUNTIME_FILE_MAX (RUNTIME_NAME_MAX + 16) /* bytes of NAME.SUFFIX, with its NUL */

/*
 * Open the folder; with make, create it if it is missing, with access for its owner alone. A
 * descriptor, or -errno after log_error(); -ENOENT, only without make and without a log message:
 * the folder does not exist.
 */
int runtime_dir_open(bool make);

/*
 * Is this a name for a machine? Up to RUNTIME_NAME_MAX bytes of UTF-8, no slashes, spaces or
 * control characters (C0, DEL, C1), the first not a dot. Such a name cannot leave the folder, and
 * is safe to show on a terminal.
 */
bool runtime_dir_is_name(const char *name);

/*
 * The address of a socket in an open folder. It fits for any length of the folder's path, and is
 * valid while the descriptor is open.
 */
void runtime_dir_address(int dir, const char *file, struct sockaddr_un *address);

/*
 * Take a name, by a lock on NAME.lock, which is created if it is missing. A descriptor that holds
 * the lock; -EEXIST if another process holds it, or another -errno. Does not log. Waits at most 20
 * ms.
 */
int runtime_dir_lock(int dir, const char *name);

/* Give a name back: remove the file and close the descriptor. */
void runtime_dir_unlock(int dir, const char *name, int lock);

/*
 * Call fn for each NAME that has a file NAME + suffix in an open folder, in order. 0, or -errno
 * after log_error().
 */
int runtime_dir_for_each(int dir, const char *suffix,
			 void (*fn)(int dir, const char *name, void *arg), void *arg);

/* Does a process hold this name, for a machine that runs, starts or ends? Leaves no trace. */
bool runtime_dir_is_locked(int dir, const char *name);

#endif
