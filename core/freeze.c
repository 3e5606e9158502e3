// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stop the whole machine for a reset, a pause or a look at its vCPUs.
 *
 * All three begin in the same way: no vCPU may run, and for some no device may have anything in
 * flight. Each is a request in a queue, which has one place for each kind. Requests are served in
 * the order of their kinds: a reset of the machine, a reset of the CPU, a look, a pause.
 *
 *   RUNNING --freeze_ask()--> PARKING --all vCPUs parked--> SETTLING --devices at rest--> done()
 *
 * The loop never waits, neither for a vCPU nor for the host's storage. Each vCPU that has parked
 * rings the bell. When all have, the first request begins. If it needs the devices at rest, they
 * are asked to pause, and begin no new work from then on. A device with work in flight says so, and
 * rings the bell when that is done (device_rested()). Then done() is called, and the next request
 * is served, or the vCPUs go on. After a reset the vCPUs always go on; the next request parks them
 * again.
 *
 * vCPUs and devices together have 5 s to come to rest. After that a message names the late ones,
 * and done() is told that the request failed. A reset that fails ends the run; after other failures
 * the machine goes on. A reset that is asked for while others wait has 5 s of its own, and the
 * others have 5 s again after it.
 *
 * At the end of a run, when the vCPU threads have ended, the devices come to rest in the same way.
 * The loop runs for that, with one deadline for all devices. So a signal, --timeout and the control
 * socket still work, and a signal or a time limit also ends this wait.
 *
 * The run's own timers (--timeout, the grace time) are not stopped: they measure time of the host.
 *
 * Threads: a request may come from any thread, so a place in the queue is an atomic pointer. The
 * rest belongs to the loop.
 */
#include <kvm/device.h>
#include <kvm/freeze.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/park.h>
#include <kvm/util.h>

#include <errno.h>

static struct {
	struct freeze_request *_Atomic queue[FREEZE_KINDS];
	struct loop_bell bell;
	struct loop_timer timer; /* from the first request until all is ready */
	bool timer_is_resets;
	bool at_end;	 /* the vCPU threads have ended */
	bool named_busy; /* devices did not come to rest in time, and were named */
} freeze;

static struct freeze_request *freeze_first(void)
{
	struct freeze_request *request = NULL;

	for (unsigned int kind = 0; kind < FREEZE_KINDS && !request; kind++)
		request = freeze.queue[kind];
	return request;
}

static bool freeze_is_reset(const struct freeze_request *request)
{
	return request->kind == FREEZE_RESET || request->kind == FREEZE_RESET_CPU;
}

/* Have the devices been asked to come to rest? */
static bool freeze_is_settling(void)
{
	bool settling = false;

	for (unsigned int kind = 0; kind < FREEZE_KINDS && !settling; kind++) {
		const struct freeze_request *request = freeze.queue[kind];

		settling = request && request->begun;
	}
	return settling;
}

static void freeze_dequeue(struct freeze_request *request)
{
	freeze.queue[request->kind] = NULL;
	request->begun = false;
}

/* Undo what freeze_settle() began for this request; its devices go on. */
static void freeze_undo(struct kvm *kvm, struct freeze_request *request)
{
	if (!request->begun)
		return;
	if (request->undo)
		request->undo(kvm);
	if (request->devices)
		device_resume_all();
}

void freeze_release(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &freeze.timer);
	park_release_all(kvm);
}

static void freeze_ask_vcpus(struct kvm *kvm)
{
	park_ask_all(kvm, PARK_REQUEST);
	loop_ring(kvm->loop, &freeze.bell);
}

void freeze_ask(struct kvm *kvm, struct freeze_request *request)
{
	freeze.queue[request->kind] = request;
	freeze_ask_vcpus(kvm);
}

bool freeze_is_asked(const struct freeze_request *request)
{
	return freeze.queue[request->kind] == request;
}

bool freeze_withdraw(struct kvm *kvm, struct freeze_request *request)
{
	if (!freeze_is_asked(request))
		return false;
	freeze_undo(kvm, request);
	freeze_dequeue(request);
	if (!freeze_first())
		freeze_release(kvm);
	return true;
}

void freeze_drop(struct freeze_request *request)
{
	if (freeze_is_asked(request))
		freeze_dequeue(request);
}

/*
 * The first request failed. If it is a reset, the run ends; else all requests in the queue fail,
 * and the machine goes on.
 */
static void freeze_fail(struct kvm *kvm, int err)
{
	struct freeze_request *failed[FREEZE_KINDS] = {freeze_first()};

	loop_disarm(kvm->loop, &freeze.timer);
	/* It stays in the queue, so that no other request is served any more. */
	if (failed[0]->fatal) {
		failed[0]->done(kvm, err);
		return;
	}
	for (unsigned int kind = 0; kind < FREEZE_KINDS; kind++) {
		failed[kind] = freeze.queue[kind];
		if (failed[kind]) {
			freeze_undo(kvm, failed[kind]);
			freeze_dequeue(failed[kind]);
		}
	}
	freeze_release(kvm);
	/* Last, because done() may ask again. */
	for (unsigned int kind = 0; kind < FREEZE_KINDS; kind++) {
		if (failed[kind])
			failed[kind]->done(kvm, err);
	}
}

/* 0; -EINPROGRESS: a device has something in flight; or another -errno. */
static int freeze_settle(struct kvm *kvm, struct freeze_request *request)
{
	int err = request->begun || !request->begin ? 0 : request->begin(kvm);

	if (err)
		return err;
	request->begun = true;
	return request->devices ? device_pause_all() : 0;
}

/* All vCPUs are parked. Called again each time a device has come to rest. */
static void freeze_serve(struct kvm *kvm)
{
	struct freeze_request *request;

	while ((request = freeze_first())) {
		int err = freeze_settle(kvm, request);

		if (err == -EINPROGRESS)
			return;
		if (err) {
			freeze_fail(kvm, err);
			return;
		}
		freeze_dequeue(request);
		if (!request->done(kvm, 0)) {
			loop_disarm(kvm->loop, &freeze.timer);
			return;
		}
		if (freeze_is_reset(request))
			break;
	}
	freeze_release(kvm);
	if (freeze_first())
		freeze_ask_vcpus(kvm);
}

static void freeze_look_at_end(struct kvm *kvm)
{
	if (device_pause_all() != -EINPROGRESS)
		loop_stop(kvm->loop);
}

static void freeze_rung(void *arg)
{
	const struct freeze_request *request;
	struct kvm *kvm = arg;
	bool parked;

	if (freeze.at_end) {
		freeze_look_at_end(kvm);
		return;
	}
	/*
	 * Look at `parked` before the queue: a vCPU that wants a reset queues it before it parks.
	 */
	parked = park_is_complete(kvm);
	request = freeze_first();
	if (!request)
		return;
	if (!freeze.timer.deadline_ns || freeze_is_reset(request) != freeze.timer_is_resets)
		loop_arm(kvm->loop, &freeze.timer, now_ns() + PARK_TIMEOUT_NS);
	freeze.timer_is_resets = freeze_is_reset(request);
	if (parked)
		freeze_serve(kvm);
}

/*
 * The name of the request for the message about vCPUs that do not park; NULL: the user asked for
 * none of the requests, so there is no message.
 */
static const char *freeze_name(const struct freeze_request *first)
{
	const char *name = NULL;

	if (first->fatal)
		return first->name();
	for (unsigned int kind = FREEZE_KINDS; kind-- && !name;) {
		const struct freeze_request *request = freeze.queue[kind];

		name = request ? request->name() : NULL;
	}
	return name;
}

static void freeze_overdue(void *arg)
{
	const struct freeze_request *first = freeze_first();
	struct kvm *kvm = arg;

	if (freeze.at_end) {
		device_report_busy();
		loop_stop(kvm->loop);
		return;
	}
	/*
	 * The first request was queued after the timer was armed, and the bell is still to come: it
	 * gets a time limit of its own.
	 */
	if (!first || freeze_is_reset(first) != freeze.timer_is_resets)
		return;
	if (freeze_is_settling()) {
		device_report_busy();
		freeze.named_busy = first->fatal;
	} else if (freeze_name(first)) {
		park_report_missing(kvm, freeze_name(first));
	}
	freeze_fail(kvm, -ETIMEDOUT);
}

static void freeze_cancel_all(struct kvm *kvm)
{
	for (unsigned int kind = 0; kind < FREEZE_KINDS; kind++) {
		struct freeze_request *request = freeze.queue[kind];

		if (!request)
			continue;
		freeze_dequeue(request);
		if (!request->fatal)
			request->done(kvm, -ECANCELED);
	}
}

bool freeze_is_at_end(void)
{
	return freeze.at_end;
}

void freeze_at_end(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &freeze.timer);
	freeze.at_end = true;
	freeze_cancel_all(kvm);
	if (device_pause_all() != -EINPROGRESS || freeze.named_busy)
		return;
	loop_arm(kvm->loop, &freeze.timer, now_ns() + PARK_TIMEOUT_NS);
	loop_continue(kvm->loop);
	loop_run(kvm->loop);
}

/* A vCPU has parked (its thread), or a device is at rest (loop). */
static void freeze_ring(void *arg)
{
	struct kvm *kvm = arg;

	loop_ring(kvm->loop, &freeze.bell);
}

static int freeze_init(struct kvm *kvm)
{
	freeze.at_end = freeze.named_busy = false;
	freeze.bell = (struct loop_bell){.fn = freeze_rung, .arg = kvm};
	freeze.timer = (struct loop_timer){.fn = freeze_overdue, .arg = kvm};
	loop_add_bell(kvm->loop, &freeze.bell);
	device_set_rest_hook(freeze_ring, kvm);
	park_set_hook(freeze_ring, kvm);
	return 0;
}

static void freeze_exit(struct kvm *kvm)
{
	freeze.at_end = true;
	freeze_cancel_all(kvm);
	device_set_rest_hook(NULL, NULL);
	park_set_hook(NULL, NULL);
	loop_disarm(kvm->loop, &freeze.timer);
	loop_remove_bell(kvm->loop, &freeze.bell);
}

INIT_MODULE(freeze, .level = INIT_BASE, .init = freeze_init, .exit = freeze_exit);
