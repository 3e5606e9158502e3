/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Console output into lines.c and its lines to report_line(), as console.c does it.
 */
#ifndef TESTS_CONSOLE_FEED_LINES_H
#define TESTS_CONSOLE_FEED_LINES_H

#include <kvm/kernel-lines.h>
#include <kvm/lines.h>

static void feed_lines(struct kvm *vm, enum lines_source source, const u8 *data, size_t len)
{
	char line[LINES_MAX_BYTES + 1];
	bool kernels;

	for (size_t at = 0; at < len;) {
		at += lines_take(source, data + at, len - at, line, &kernels);
		if (kernels)
			report_line(vm, line);
	}
}

#endif
