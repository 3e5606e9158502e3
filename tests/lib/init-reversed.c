// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked with all of lkvm: a lkvm that initialises the modules of each level in the reverse order.
 *
 * Nothing may depend on the order within a level (util/init.c). The end-to-end tests run with this
 * binary, too: make e2e-reversed.
 */
#include <kvm/init.h>

__attribute__((constructor)) static void reverse_init(void)
{
	init_is_reversed = true;
}
