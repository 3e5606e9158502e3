/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What console.c calls of the machine, for its tests: nothing happens.
 */
#ifndef TESTS_CORE_CONSOLE_CALLS_H
#define TESTS_CORE_CONSOLE_CALLS_H

#include <kvm/kvm.h>

void kvm_panic(struct kvm *vm, const char *line)
{
}

void kvm_panic_done(struct kvm *vm)
{
}

#endif
