// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which optional parts this binary has.
 *
 * FEATURE() leaves a name in the section "features", as INIT_MODULE() leaves a pointer in its own.
 * The linker gathers the names; a part that was not compiled left none. The bounds are weak, so
 * that a binary without any such part links, too, and has an empty list.
 */
#include <kvm/feature.h>

#include <string.h>

extern const struct feature __start_features[] __attribute__((weak));
extern const struct feature __stop_features[] __attribute__((weak));

bool feature_is_built(const char *name)
{
	for (const struct feature *feature = __start_features; feature < __stop_features;
	     feature++) {
		if (!strcmp(feature->name, name))
			return true;
	}
	return false;
}
