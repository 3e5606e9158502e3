/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernel is meant when none is named. boot/search.c. Main thread.
 */
#ifndef KVM_KERNEL_SEARCH_H
#define KVM_KERNEL_SEARCH_H

/*
 * The first kernel that can be read: of a build tree around the current folder, else that of the
 * running release where distributions install it. root is put in front of absolute paths; it is ""
 * but in tests. The path is static, and good until the next call. NULL after log_error(), which
 * names a kernel that is there but may not be read, and the remedy.
 */
const char *kernel_search(const char *root, const char *release);

#endif
