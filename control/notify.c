// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell a service manager that the guest is up, and that the machine ends.
 *
 * systemd starts a service with Type=notify and names a datagram socket in NOTIFY_SOCKET: a path,
 * or an @ and a name in the abstract namespace. systemd waits there for READY=1. STOPPING=1 tells
 * it that the service ends on purpose, even if systemd did not ask for that.
 *
 * READY=1 is sent when the guest is up: when it has written the first byte to its console, or
 * opened the console for its init, whichever is first. A guest that does neither counts as up
 * SILENT_NS after its first vCPU ran: its console may be elsewhere. If the run ends before that,
 * READY=1 is never sent, and for systemd the start has failed.
 *
 * Both moments are stamps of phase.c, set on a vCPU thread; a timer of the loop checks them until
 * one is set. If a message cannot be sent, lkvm logs a warning, and the machine goes on.
 *
 * A detached machine sends nothing: the manager waits for the starter, which returns when the
 * machine runs.
 *
 * Spec: sd_notify(3), systemd.service(5).
 */
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/notify.h>
#include <kvm/phase.h>
#include <kvm/util.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_NS	  (100 * NSEC_PER_MSEC)
#define SILENT_NS (10 * NSEC_PER_SEC)

static struct {
	struct loop_timer look;
	bool wanted, ready;
} notify;

int notify_send(const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd, err = 0;

	if (!len)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, len);
	/* An abstract name begins with a NUL; its length comes from the length of the address. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int notify_say(const char *text)
{
	int err = notify_send(text);

	if (err && err != -EAGAIN && err != -ENOBUFS)
		log_warn("NOTIFY_SOCKET: %s cannot be sent: %s", text, strerror(-err));
	return err;
}

/* False: the manager's socket is full now, try again later. */
static bool notify_be_ready(void)
{
	int err = notify_say("READY=1");

	notify.ready = err != -EAGAIN && err != -ENOBUFS;
	return notify.ready;
}

static bool notify_is_up(void)
{
	u64 ran = phase_ns(PHASE_FIRST_RUN);

	return phase_ns(PHASE_FIRST_CONSOLE) || phase_ns(PHASE_INIT) ||
	       (ran && now_ns() >= ran + SILENT_NS);
}

static void notify_look(void *arg)
{
	struct kvm *kvm = arg;

	if (!notify_is_up() || !notify_be_ready())
		loop_arm(kvm->loop, &notify.look, now_ns() + LOOK_NS);
}

static int notify_init(struct kvm *kvm)
{
	const char *path = getenv("NOTIFY_SOCKET");

	notify.ready = false;
	notify.wanted = path && path[0] && !config.dry_run && !config.detach;
	notify.look = (struct loop_timer){.fn = notify_look, .arg = kvm};
	if (notify.wanted)
		loop_arm(kvm->loop, &notify.look, now_ns() + LOOK_NS);
	return 0;
}

static void notify_exit(struct kvm *kvm)
{
	loop_disarm(kvm->loop, &notify.look);
	if (!notify.wanted)
		return;
	/* The guest came up and ended before the next look. */
	if (!notify.ready && notify_is_up())
		notify_be_ready();
	notify_say("STOPPING=1");
}

INIT_MODULE(notify, .level = INIT_LATE, .init = notify_init, .exit = notify_exit);
