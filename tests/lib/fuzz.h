/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every fuzz target has (clang's libFuzzer): its two entry points, a check that ends the run,
 * and the input taken from its front.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <kvm/log.h>
#include <kvm/types.h>

#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's names. The first is optional, and both return 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "line %d: broken: %s\n", __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* For log_set_sink(): lines that a bad input causes are not for a screen. */
static inline void fuzz_drop_line(enum log_level level, const char *line, void *arg)
{
}

struct fuzz_input {
	const u8 *at, *end;
};

/* The next bytes (at most 8), little-endian; behind the end of the input there are zeros. */
static inline u64 fuzz_take(struct fuzz_input *input, unsigned int bytes)
{
	u64 value = 0;

	for (unsigned int i = 0; i < bytes && input->at < input->end; i++)
		value |= (u64)*input->at++ << (8 * i);
	return value;
}

#endif
