/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What console.c calls of the machine, for its tests: nothing happens, unless a test wants a panic
 * to do something.
 */
#ifndef TESTS_CONSOLE_CONSOLE_CALLS_H
#define TESTS_CONSOLE_CONSOLE_CALLS_H

#include <kvm/kvm.h>

static void (*on_panic)(const char *line);

void kvm_panic(struct kvm *vm, const char *line)
{
	if (on_panic)
		on_panic(line);
}

void kvm_panic_done(struct kvm *vm)
{
}

#endif
