/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Could somebody else change what a path leads to? util/trust.c.
 */
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
 * Look at all folders and symbolic links from / to the end of path, and at what is there, beginning
 * after `skip` bytes of it (0: at /). Each must belong to root, the caller or `also`; must not be
 * writable for everyone, unless it is a sticky folder; and for its group only if that is its
 * owner's own. A relative path begins at the current folder. 0; -EPERM with *problem; or another
 * -errno, with the part that cannot be looked at as problem->path. Main thread.
 */
int trust_check(const char *path, size_t skip, uid_t also, struct trust_problem *problem);

#endif
