/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packed kernels: detect the format, and unpack. boot/unpack.c. Any thread; nothing here keeps
 * state.
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

/* Length of the longest magic number: unpack_detect() reads at most so many bytes. */
#define UNPACK_MAGIC_MAX 9

/* Detect the format by its magic number. UNPACK_NONE: none found, or too few bytes. */
enum unpack_format unpack_detect(const void *head, size_t len);

/* "gzip", "bzip2", "lzma", "xz", "lzo", "lz4", "zstd"; "none" for all others. */
const char *unpack_name(enum unpack_format format);

/* True if lkvm was built with the format's library. False for UNPACK_NONE. */
bool unpack_supported(enum unpack_format format);

/*
 * Unpack in[0..in_len) to out[0..out_max), which do not overlap. Bytes after the end of the
 * compressed stream are ignored. Returns the number of bytes written, or
 *   -ENOTSUP  this lkvm was built without the library
 *   -E2BIG    the unpacked bytes are more than out_max
 *   -EINVAL   not of this format, damaged, or truncated
 *   -ENOMEM   no memory, or lzma or xz ask for a window above 128 MiB
 *   -ECANCELED  cancelled (cancel.h); not with zstd, which is a single call.
 * After an error the content of out[] is undefined.
 *
 * Memory besides in and out, at most: gzip 48 KiB, bzip2 4 MiB, lzma and xz 130 MiB (but used only
 * up to the length of the output), lzo none, lz4 9 MiB, zstd 256 KiB (for any window, which is in
 * out).
 */
ssize_t unpack(enum unpack_format format, const void *in, size_t in_len, void *out, size_t out_max);

#endif
