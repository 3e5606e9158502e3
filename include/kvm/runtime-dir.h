/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder of running machines: locks, control sockets, remains. control/runtime-dir.c.
 */
#ifndef KVM_RUNTIME_DIR_H
#define KVM_RUNTIME_DIR_H

#include <kvm/types.h>
#include <sys/un.h>

#define RUNTIME_NAME_MAX 64			 /* characters of a machine's name */
#define RUNTIME_FILE_MAX (RUNTIME_NAME_MAX + 16) /* of NAME.SUFFIX, with its NUL */

/*
 * Open it; with make, make it when it is missing, for its owner alone. A descriptor, or -errno:
 * -ENOENT without make and without a word when there is none, else after log_error().
 */
int runtime_dir_open(bool make);

/*
 * Is this a name for a machine? Up to RUNTIME_NAME_MAX bytes of UTF-8, no slashes, spaces or
 * control characters (C0, DEL, C1), the first not a dot: it stays in the folder, and a terminal may
 * show it.
 */
bool runtime_dir_is_name(const char *name);

/*
 * The address of a file in an open folder: it fits whatever the folder's path is, and is good
 * while the descriptor is open.
 */
void runtime_dir_address(int dir, const char *file, struct sockaddr_un *address);

/*
 * Take a name, by a lock on NAME.lock, which is made when missing. A descriptor that holds it;
 * -EEXIST when somebody else does, or another -errno. Says nothing. Waits 20 ms at most.
 */
int runtime_dir_lock(int dir, const char *name);

/* Give it back: the file is removed and the descriptor closed. */
void runtime_dir_unlock(int dir, const char *name, int lock);

/*
 * fn for each NAME that has a file NAME + suffix in an open folder, in order. 0, or -errno after
 * log_error().
 */
int runtime_dir_for_each(int dir, const char *suffix,
			 void (*fn)(int dir, const char *name, void *arg), void *arg);

/* Does somebody hold this name: a machine that runs, starts or ends? Leaves no trace. */
bool runtime_dir_is_locked(int dir, const char *name);

#endif
