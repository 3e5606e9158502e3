// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon's command on the control socket: how much of its memory the guest shall keep.
 *
 * A size is the part of the machine's memory that the guest keeps. Inflate and deflate change the
 * part that the guest gives up, counted from the last request and not from the present state of the
 * guest. The sum is made here and not in the client, so that two clients at the same time do not
 * undo each other's request. The command only asks: the driver follows when it can, and the answer
 * has the size at this moment.
 *
 * A machine without a balloon has the command too, so that the refusal tells what is missing.
 *
 * On the loop's thread.
 *
 * Spec: docs/control.md; virtio 1.2, section 5.5.6 (num_pages and actual).
 */
#include "virtio/balloon.h"

#include <kvm/control-socket.h>
#include <kvm/init.h>
#include <kvm/kvm.h>

#include <errno.h>

#define PAGE	 4096ULL
#define KEEP_MIN MIB /* the minimum of --mem, too */

static struct kvm *control_kvm;

static void balloon_control_refuse(struct ipc_request *request, int err)
{
	if (err == -ENODEV)
		ipc_refuse(request, "the machine has no balloon; run it with --balloon");
	else
		ipc_refuse(request, "no driver of the guest serves its balloon; Linux's is "
				    "virtio_balloon");
}

/* Read an optional field into *bytes: whole pages, at most max. False: a wrong value. */
static bool balloon_control_take(const json_t *params, const char *field, u64 max, u64 *bytes)
{
	const json_t *value = json_object_get(params, field);

	if (!value)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (u64)json_integer_value(value) > max || json_integer_value(value) % PAGE)
		return false;
	*bytes = (u64)json_integer_value(value);
	return true;
}

/* *asked: the bytes to be given up, before and after this request. False: it was refused. */
static bool balloon_control_target(struct ipc_request *request, const json_t *params, u64 *asked)
{
	u64 total = gmem_total(&control_kvm->mem), most = total - MIN(total, KEEP_MIN);
	u64 keep = total - *asked, inflate = 0, deflate = 0;
	unsigned int fields = !!json_object_get(params, "size_bytes") +
			      !!json_object_get(params, "inflate_bytes") +
			      !!json_object_get(params, "deflate_bytes");

	if (fields > 1)
		ipc_refuse(request, "takes one of size_bytes, inflate_bytes and deflate_bytes");
	else if (!balloon_control_take(params, "size_bytes", total, &keep) ||
		 (json_object_get(params, "size_bytes") && keep < total - most))
		ipc_refuse(request, "the size is 1M to %lluK, which is all it has, in steps of 4K",
			   (total / KIB));
	else if (!balloon_control_take(params, "inflate_bytes", most - MIN(*asked, most), &inflate))
		ipc_refuse(request,
			   "can be inflated by %lluK at most, in steps of 4K: then the "
			   "guest keeps 1M",
			   ((most - MIN(*asked, most)) / KIB));
	else if (!balloon_control_take(params, "deflate_bytes", *asked, &deflate))
		ipc_refuse(request,
			   "can be deflated by %lluK at most, in steps of 4K: then it is "
			   "empty",
			   (*asked / KIB));
	else {
		*asked = total - keep + inflate - deflate;
		return true;
	}
	return false;
}

static void balloon_control(struct ipc_request *request, const json_t *params, void *arg)
{
	u64 total = gmem_total(&control_kvm->mem), asked;
	struct balloon_size size;
	int err = balloon_get(&size);

	if (err) {
		balloon_control_refuse(request, err);
		return;
	}
	asked = size.asked_bytes;
	if (!balloon_control_target(request, params, &asked))
		return;
	if (asked != size.asked_bytes)
		balloon_ask(asked);
	ipc_answer(request, json_pack("{s:I, s:I, s:I}", "memory_bytes", (json_int_t)total,
				      "size_bytes", (json_int_t)(total - asked), "current_bytes",
				      (json_int_t)(total - MIN(size.actual_bytes, total))));
}

static struct ipc_command balloon_command = {.name = "balloon", .handle = balloon_control};

static int balloon_control_init(struct kvm *kvm)
{
	control_kvm = kvm;
	ipc_add_command(&balloon_command);
	return 0;
}

INIT_MODULE(virtio_balloon_control, .level = INIT_VIRTIO_BALLOON, .init = balloon_control_init);
