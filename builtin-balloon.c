// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm balloon: how much of its memory a guest is to keep.
 *
 * The machine asks its guest and answers at once (virtio/balloon-control.c). The driver in the
 * guest needs some time to follow, maybe seconds, and may never finish if the guest needs its
 * memory. So the command prints two sizes: how much memory the guest is asked to keep, and how much
 * it has at this moment. Without a size the command only prints; a script that waits for the guest
 * can call it again and again.
 *
 * Main thread.
 */
#include <kvm/builtin.h>

#include <kvm/client-select.h>
#include <kvm/connection.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/output.h>

#include <errno.h>
#include <stdio.h>

#define SIZE_MIN_BYTES (4 * KIB)
#define SIZE_MAX_BYTES (1ULL << 43) /* same limit as --balloon-size */

static struct selection selection;
static u64 size, inflate, deflate; /* 0: not given */

static const struct option builtin_balloon_options[] = {
	SELECTION_OPTIONS(selection),
	{.name = "size",
	 .type = OPTION_SIZE,
	 .value = &size,
	 .arg = "SIZE[K|M|G]",
	 .min = SIZE_MIN_BYTES,
	 .max = SIZE_MAX_BYTES,
	 .help = "how much memory the guest keeps"},
	{.name = "inflate",
	 .type = OPTION_SIZE,
	 .value = &inflate,
	 .arg = "SIZE[K|M|G]",
	 .min = SIZE_MIN_BYTES,
	 .max = SIZE_MAX_BYTES,
	 .help = "how much more memory the guest gives up"},
	{.name = "deflate",
	 .type = OPTION_SIZE,
	 .value = &deflate,
	 .arg = "SIZE[K|M|G]",
	 .min = SIZE_MIN_BYTES,
	 .max = SIZE_MAX_BYTES,
	 .help = "how much memory the guest gets back"},
};
OPTION_GROUP(balloon, balloon, "Balloon", 10, builtin_balloon_options);

static json_t *builtin_balloon_params(void)
{
	json_t *params = json_object();

	if (size)
		json_object_set_new(params, "size_bytes", json_integer((json_int_t)size));
	if (inflate)
		json_object_set_new(params, "inflate_bytes", json_integer((json_int_t)inflate));
	if (deflate)
		json_object_set_new(params, "deflate_bytes", json_integer((json_int_t)deflate));
	return params;
}

static int builtin_balloon_check(void)
{
	if (!!size + !!inflate + !!deflate > 1)
		return log_fail(-EINVAL, "balloon: takes one of --size, --inflate and --deflate");
	return 0;
}

static int builtin_balloon_one(const char *name, int fd)
{
	static const char *const fields[] = {"memory_bytes", "size_bytes", "current_bytes"};
	json_t *answer;

	answer = select_call(name, fd, "balloon", builtin_balloon_params(), CONNECTION_TIMEOUT_NS);
	if (!answer)
		return STATUS_ERROR;
	printf("name: %s\n", name);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		printf("%s: %lld\n", fields[i],
		       (long long)json_integer_value(json_object_get(answer, fields[i])));
	json_decref(answer);
	return output_end("balloon") ? STATUS_ERROR : 0;
}

int builtin_balloon(int argc, char **argv)
{
	selection.check = builtin_balloon_check;
	return select_machines("balloon", &selection, argc, argv, builtin_balloon_one);
}
