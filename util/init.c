// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init list: brings the modules up in a fixed order and down in reverse.
 *
 * INIT_MODULE() leaves one pointer in the section init_modules; the linker
 * gathers them and bounds them with __start_init_modules and
 * __stop_init_modules. The order in the section is the link order, which must
 * not matter: the pointers are copied into an array and sorted by level, then by
 * name. The bounds are weak, so that a binary without any module (a unit test)
 * links too and sees an empty list.
 *
 * init_run_list() and init_exit_list() do the work on any list and hold no state: *done is the
 * boundary between the modules that are initialised (list[0 .. *done - 1]) and the others, and each
 * successful init or exit moves it by one. So a failure in the middle and the normal end use the
 * same code, and a module that was never initialised is never exited. init_run() and init_exit()
 * add the registered list and its boundary, the only state of this file.
 *
 * A module that fails should have printed why, with the name of the object. If it printed nothing,
 * this file prints a line for it: a user gets one line, not two.
 *
 * Everything runs on the main thread: init_run() before the vCPU threads exist,
 * init_exit() after they were joined.
 *
 * Left out on purpose: dependencies between modules. The level is the only order: two modules of
 * one level must not need each other. The end-to-end tests check that: they run a binary that sets
 * init_is_reversed.
 */
#include <errno.h>
#include <kvm/init.h>
#include <kvm/log.h>
#include <stdlib.h>
#include <string.h>

extern const struct init_module *const __start_init_modules[] __attribute__((weak));
extern const struct init_module *const __stop_init_modules[] __attribute__((weak));

bool init_is_reversed;

static const struct init_module **init_list;
static size_t init_done;

static int init_compare(const void *a, const void *b)
{
	const struct init_module *const *left = a;
	const struct init_module *const *right = b;

	if ((*left)->level != (*right)->level)
		return (*left)->level < (*right)->level ? -1 : 1;
	if (init_is_reversed)
		return strcmp((*right)->name, (*left)->name);
	return strcmp((*left)->name, (*right)->name);
}

/* An empty list may be NULL, which qsort(3) does not accept. */
static void init_sort(const struct init_module **list, size_t count)
{
	if (count)
		qsort(list, count, sizeof(*list), init_compare);
}

int init_run_list(const struct init_module **list, size_t count, struct kvm *kvm, size_t *done)
{
	init_sort(list, count);

	for (*done = 0; *done < count; ++*done) {
		const struct init_module *module = list[*done];
		unsigned long errors = log_error_count();
		int err = module->init(kvm);

		if (!err)
			continue;
		if (log_error_count() == errors && err != -ECANCELED)
			log_error("%s: cannot be initialised: %s", module->name, strerror(-err));
		init_exit_list(list, kvm, done);
		return err;
	}
	return 0;
}

void init_exit_list(const struct init_module **list, struct kvm *kvm, size_t *done)
{
	while (*done) {
		const struct init_module *module = list[--*done];

		if (module->exit)
			module->exit(kvm);
	}
}

/* A copy of the registered list; the caller frees it. NULL: out of memory. */
static const struct init_module **init_copy_registered(size_t *count)
{
	const struct init_module **list;

	*count = __stop_init_modules - __start_init_modules;
	list = calloc(*count + 1, sizeof(*list));
	if (!list) {
		log_error("init: no memory for a list of %zu modules", *count);
		return NULL;
	}
	for (size_t i = 0; i < *count; i++)
		list[i] = __start_init_modules[i];
	return list;
}

int init_run(struct kvm *kvm)
{
	size_t count;
	int err;

	init_list = init_copy_registered(&count);
	if (!init_list)
		return -ENOMEM;

	err = init_run_list(init_list, count, kvm, &init_done);
	if (err)
		init_exit(kvm);
	return err;
}

void init_exit(struct kvm *kvm)
{
	init_exit_list(init_list, kvm, &init_done);
	free(init_list);
	init_list = NULL;
}

void init_for_each(void (*fn)(const struct init_module *module, void *arg), void *arg)
{
	size_t count;
	const struct init_module **list = init_copy_registered(&count);

	if (!list)
		return;
	init_sort(list, count);
	for (size_t i = 0; i < count; i++)
		fn(list[i], arg);
	free(list);
}
