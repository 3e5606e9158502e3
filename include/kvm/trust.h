/* SPDX-License-Identifier: GPL-2.0-only */
/* Can another user change what a path leads to? util/trust.c. */
#ifndef KVM_TRUST_H
#define KVM_TRUST_H

#include <kvm/types.h>
#include <limits.h>
#include <sys/types.h>

/* What was found: the first part of the path that is not to be trusted, and why. */
struct trust_problem {
	char path[PATH_MAX];
	const char *why; /* "belongs to another user", said after the path */
};

/*
 * Check each folder and symbolic link from / to the end of path, and what is at the end. The first
 * `skip` bytes of path are not checked (0: begin at /). Each part must belong to root, the caller
 * or `also`. Unless it is a sticky folder, it must not be writable for everyone, and for its group
 * only if that is the owner's own group. A relative path begins at the current folder. 0; -EPERM
 * with *problem; or another -errno, with problem->path ending with the part that cannot be checked.
 * Main thread.
 */
int trust_check(const char *path, size_t skip, uid_t also, struct trust_problem *problem);

#endif
