/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds a kernel when the user names none. boot/search.c. Main thread.
 */
#ifndef KVM_KERNEL_SEARCH_H
#define KVM_KERNEL_SEARCH_H

/*
 * The path of the first kernel that can be read: in a build tree around the current folder, else
 * the kernel of the running release where distributions install it. root is put before absolute
 * paths; it is "" except in tests. The path is static and valid until the next call. NULL after
 * log_error(): a kernel that exists but may not be read is named, with the remedy.
 */
const char *kernel_search(const char *root, const char *release);

#endif
