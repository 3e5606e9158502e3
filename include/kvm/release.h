/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds a kernel's release, as uname -r shows it: "6.1.0-56-cloud-amd64". release.c.
 */
#ifndef X86_RELEASE_H
#define X86_RELEASE_H

#include <kvm/boot-image.h>

#define RELEASE_BYTES 65 /* as in the kernel's utsname, with its NUL */

/*
 * fd: the file that image_open() got. False, and release "", if the kernel does not say its
 * release, or says something that cannot be a folder's name. Main thread.
 */
bool release_find(const struct image *image, int fd, char release[RELEASE_BYTES]);

#endif
