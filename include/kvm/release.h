/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which release a kernel is: "6.1.0-56-cloud-amd64", as uname -r says it. release.c.
 */
#ifndef X86_RELEASE_H
#define X86_RELEASE_H

#include <kvm/boot-image.h>

#define RELEASE_BYTES 65 /* as the kernel's own name has, with its NUL */

/*
 * fd is the file that image_open() was given. False, and "", when it does not say, or says what
 * could not be a folder's name. Main thread.
 */
bool release_find(const struct image *image, int fd, char release[RELEASE_BYTES]);

#endif
