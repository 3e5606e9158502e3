/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packed kernels: which format, and the bytes they hold. boot/unpack.c.
 * Any thread; nothing here keeps state.
 */
#ifndef KVM_UNPACK_H
#define KVM_UNPACK_H

#include <kvm/types.h>
#include <sys/types.h>

/* The formats that the kernel's build knows (CONFIG_KERNEL_GZIP, ...). */
enum unpack_format {
	UNPACK_NONE,
	UNPACK_GZIP,
	UNPACK_BZIP2,
	UNPACK_LZMA,
	UNPACK_XZ,
	UNPACK_LZO,
	UNPACK_LZ4,
	UNPACK_ZSTD,
};

/* The most that a magic number takes; unpack_detect() looks at no byte behind. */
#define UNPACK_MAGIC_MAX 9

/* The format by its magic number; UNPACK_NONE when these bytes begin none, or are too few. */
enum unpack_format unpack_detect(const void *head, size_t len);

/* "gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"; "none" for all else. */
const char *unpack_name(enum unpack_format format);

/* Was the library built in? Never for UNPACK_NONE. */
bool unpack_supported(enum unpack_format format);

/*
 * Unpack in[0..in_len) to out[0..out_max), which do not overlap. Bytes after the end of the
 * compressed stream are ignored. Returns the number of bytes written, or
 *   -ENOTSUP  the library was left out of this build
 *   -E2BIG    what comes out is longer than out_max
 *   -EINVAL   not of this format, damaged, or truncated
 *   -ENOMEM   no memory, or lzma or xz ask for a window above 128 MiB
 *   -ECANCELED  called off (cancel.h); zstd, which is one call, does not ask.
 * After an error out[] holds anything.
 *
 * Memory besides in and out, at most: gzip 48 KiB, bzip2 4 MiB, lzma and xz 130 MiB (touched as
 * far as the output is long), lzo none, lz4 9 MiB, zstd 256 KiB (whatever its window: out is it).
 */
ssize_t unpack(enum unpack_format format, const void *in, size_t in_len, void *out, size_t out_max);

#endif
