// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine that tests/lib/fake-machine.h promises.
 *
 * The records of interrupt lines have a lock, for timers raise them on the loop's thread; the rest
 * is touched by the calling thread only, or while fake_on_loop() waits.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/patience.h"

#include <kvm/bus.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/util.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_machine fake;

static struct {
	bool level;
	unsigned int rises;
} lines[IRQ_LINES];
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;

/* Message routes, as irq.c has them and as KVM was given them; and what came of them. */
#define FAKE_ROUTES   256
#define FAKE_MESSAGES 256

static struct {
	struct fake_route {
		bool used;
		u64 address, given_address;
		u32 data, given_data;
		int fd; /* attached, or -1 */
	} routes[FAKE_ROUTES];
	struct fake_message {
		u64 address, count;
		u32 data;
	} messages[FAKE_MESSAGES];
	unsigned int commits;
	bool dirty, fail;
} msi;
static pthread_mutex_t msi_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	void (*press)(void *dev);
	void *dev;
} power_button;

static pthread_t loop_thread;

/* What fake_on_loop() hands over. */
static struct {
	struct loop_bell bell;
	pthread_mutex_t lock;
	pthread_cond_t done;
	void (*fn)(void *arg);
	void *arg;
} errand = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

/* --- what devices call --- */

void irq_set_level(struct kvm *kvm, u32 gsi, bool level)
{
	if (kvm != &fake.kvm || gsi >= IRQ_LINES)
		abort();
	pthread_mutex_lock(&lines_lock);
	if (level && !lines[gsi].level)
		lines[gsi].rises++;
	lines[gsi].level = level;
	pthread_mutex_unlock(&lines_lock);
}

static struct fake_route *msi_route(u32 gsi)
{
	if (gsi < IRQ_FIRST_MSI || gsi >= IRQ_FIRST_MSI + FAKE_ROUTES ||
	    !msi.routes[gsi - IRQ_FIRST_MSI].used)
		abort();
	return &msi.routes[gsi - IRQ_FIRST_MSI];
}

/* What KVM does at once: take the events of an attached eventfd, send as many messages. */
static void msi_send(const struct fake_route *route)
{
	struct fake_message *message = msi.messages;
	u64 count;

	if (route->fd < 0 || read(route->fd, &count, sizeof(count)) != sizeof(count))
		return;
	while (message->count &&
	       (message->address != route->given_address || message->data != route->given_data)) {
		if (++message == msi.messages + FAKE_MESSAGES)
			abort();
	}
	message->address = route->given_address;
	message->data = route->given_data;
	message->count += count;
}

int irq_add_msi(struct kvm *kvm, u64 address, u32 data)
{
	int gsi = -ENOSPC;

	pthread_mutex_lock(&msi_lock);
	for (int i = 0; i < FAKE_ROUTES && !msi.fail && gsi < 0; i++) {
		if (msi.routes[i].used)
			continue;
		msi.routes[i] = (struct fake_route){
			.used = true, .address = address, .data = data, .fd = -1};
		msi.dirty = true;
		gsi = IRQ_FIRST_MSI + i;
	}
	pthread_mutex_unlock(&msi_lock);
	return gsi;
}

bool irq_update_msi(struct kvm *kvm, u32 gsi, u64 address, u32 data)
{
	struct fake_route *route;
	bool dirty;

	pthread_mutex_lock(&msi_lock);
	route = msi_route(gsi);
	msi.dirty |= route->address != address || route->data != data;
	route->address = address;
	route->data = data;
	dirty = msi.dirty;
	pthread_mutex_unlock(&msi_lock);
	return dirty;
}

void irq_remove_msi(struct kvm *kvm, u32 gsi)
{
	pthread_mutex_lock(&msi_lock);
	if (msi_route(gsi)->fd >= 0)
		abort();
	msi_route(gsi)->used = false;
	pthread_mutex_unlock(&msi_lock);
}

int irq_commit(struct kvm *kvm)
{
	pthread_mutex_lock(&msi_lock);
	for (int i = 0; i < FAKE_ROUTES && msi.dirty; i++) {
		msi_send(&msi.routes[i]);
		msi.routes[i].given_address = msi.routes[i].address;
		msi.routes[i].given_data = msi.routes[i].data;
	}
	msi.commits += msi.dirty;
	msi.dirty = false;
	pthread_mutex_unlock(&msi_lock);
	return 0;
}

int irq_attach_fd(struct kvm *kvm, u32 gsi, int fd, int resample_fd)
{
	struct fake_route *route;
	int err = 0;

	pthread_mutex_lock(&msi_lock);
	route = msi_route(gsi);
	if (resample_fd >= 0 || route->fd >= 0)
		abort();
	if (msi.fail)
		err = -ENOMEM;
	else
		route->fd = fd;
	pthread_mutex_unlock(&msi_lock);
	return err;
}

int irq_detach_fd(struct kvm *kvm, u32 gsi, int fd)
{
	struct fake_route *route;

	pthread_mutex_lock(&msi_lock);
	route = msi_route(gsi);
	if (route->fd != fd)
		abort();
	msi_send(route);
	route->fd = -1;
	pthread_mutex_unlock(&msi_lock);
	return 0;
}

void console_attach(const struct console_port *port)
{
	fake.console = *port;
}

void console_detach(void)
{
	memset(&fake.console, 0, sizeof(fake.console));
}

void console_write(const u8 *data, size_t len)
{
	console_write_from(LINES_UNKNOWN, data, len);
}

void console_write_from(enum lines_source source, const u8 *data, size_t len)
{
	fake.sources[source] += len;
	fake.output_bytes += len;
	len = MIN(len, sizeof(fake.output) - fake.output_len);
	memcpy(fake.output + fake.output_len, data, len);
	fake.output_len += len;
}

void console_opened(void)
{
	fake.opens++;
}

bool console_full(void)
{
	return fake.console_full;
}

void console_room_changed(void)
{
	fake.room_changes++;
}

void kvm_end(struct kvm *kvm, enum end_reason reason, int status)
{
	fake.ends++;
	fake.end_reason = reason;
	fake.end_status = status;
}

bool kvm_is_over(void)
{
	return atomic_load(&fake.over);
}

enum end_reason kvm_end_reason(int *status)
{
	if (status)
		*status = fake.end_status;
	return fake.end_reason;
}

void kvm_request_reset(struct kvm *kvm, const char *how)
{
	fake.resets++;
	fake.reset_how = how;
}

void kvm_request_cpu_reset(struct kvm *kvm, const char *how)
{
	fake.cpu_resets++;
	kvm_request_reset(kvm, how);
}

void kvm_set_warm_code(u8 (*take)(void *dev), void *dev)
{
	fake.warm_take = take;
	fake.warm_dev = dev;
}

void kvm_panic(struct kvm *kvm, const char *line)
{
	fake.panics++;
}

void event_post_device(const char *device, const char *name)
{
	atomic_store(&fake.event, name);
}

void kvm_set_power_button(void (*press)(void *dev), void *dev)
{
	power_button.press = press;
	power_button.dev = dev;
}

static void press_power_button(void *arg)
{
	if (power_button.press)
		power_button.press(power_button.dev);
}

void kvm_press_power_button(u64 grace_ns)
{
	fake_on_loop(press_power_button, NULL);
}

/* --- what tests call --- */

static void run_errand(void *arg)
{
	pthread_mutex_lock(&errand.lock);
	errand.fn(errand.arg);
	errand.fn = NULL;
	pthread_cond_signal(&errand.done);
	pthread_mutex_unlock(&errand.lock);
}

void fake_on_loop(void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&errand.lock);
	errand.fn = fn;
	errand.arg = arg;
	loop_ring(fake.kvm.loop, &errand.bell);
	while (errand.fn)
		pthread_cond_wait(&errand.done, &errand.lock);
	pthread_mutex_unlock(&errand.lock);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

u64 fake_msi_count(u64 address, u32 data)
{
	u64 count = 0;

	pthread_mutex_lock(&msi_lock);
	for (int i = 0; i < FAKE_ROUTES; i++) {
		if (msi.routes[i].used)
			msi_send(&msi.routes[i]);
	}
	for (int i = 0; i < FAKE_MESSAGES; i++) {
		if (msi.messages[i].address == address && msi.messages[i].data == data)
			count += msi.messages[i].count;
	}
	pthread_mutex_unlock(&msi_lock);
	return count;
}

unsigned int fake_msi_commits(void)
{
	unsigned int commits;

	pthread_mutex_lock(&msi_lock);
	commits = msi.commits;
	pthread_mutex_unlock(&msi_lock);
	return commits;
}

unsigned int fake_msi_attached(void)
{
	unsigned int count = 0;

	pthread_mutex_lock(&msi_lock);
	for (int i = 0; i < FAKE_ROUTES; i++)
		count += msi.routes[i].used && msi.routes[i].fd >= 0;
	pthread_mutex_unlock(&msi_lock);
	return count;
}

void fake_msi_forget(void)
{
	pthread_mutex_lock(&msi_lock);
	memset(msi.messages, 0, sizeof(msi.messages));
	pthread_mutex_unlock(&msi_lock);
}

void fake_msi_fail(bool fail)
{
	pthread_mutex_lock(&msi_lock);
	msi.fail = fail;
	pthread_mutex_unlock(&msi_lock);
}

void fake_start(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(lines, 0, sizeof(lines));
	memset(&msi, 0, sizeof(msi));
	fake.kvm.loop = loop_new();
	if (!fake.kvm.loop || bus_init(&fake.kvm.ports, "port") || bus_init(&fake.kvm.mmio, "mmio"))
		abort();
	errand.bell = (struct loop_bell){.fn = run_errand};
	loop_add_bell(fake.kvm.loop, &errand.bell);
	if (init_run(&fake.kvm))
		abort();
	if (pthread_create(&loop_thread, NULL, run_loop, fake.kvm.loop))
		abort();
}

void fake_stop(void)
{
	loop_stop(fake.kvm.loop);
	pthread_join(loop_thread, NULL);
	init_exit(&fake.kvm);
	loop_remove_bell(fake.kvm.loop, &errand.bell);
	loop_free(fake.kvm.loop);
	bus_destroy(&fake.kvm.mmio);
	bus_destroy(&fake.kvm.ports);
}

int fake_setup(void **state)
{
	fake_start();
	return 0;
}

int fake_teardown(void **state)
{
	fake_stop();
	return 0;
}

u32 fake_in(u16 port, unsigned int len)
{
	u8 data[4] = {0};

	bus_read(&fake.kvm.ports, port, data, len);
	return data[0] | data[1] << 8 | data[2] << 16 | (u32)data[3] << 24;
}

void fake_out(u16 port, unsigned int len, u32 value)
{
	u8 data[4] = {value, value >> 8, value >> 16, value >> 24};

	bus_write(&fake.kvm.ports, port, data, len);
}

u8 fake_inb(u16 port)
{
	return fake_in(port, 1);
}

void fake_outb(u16 port, u8 value)
{
	fake_out(port, 1, value);
}

bool fake_irq(u32 gsi)
{
	bool level;

	pthread_mutex_lock(&lines_lock);
	level = lines[gsi].level;
	pthread_mutex_unlock(&lines_lock);
	return level;
}

unsigned int fake_irq_rises(u32 gsi)
{
	unsigned int rises;

	pthread_mutex_lock(&lines_lock);
	rises = lines[gsi].rises;
	pthread_mutex_unlock(&lines_lock);
	return rises;
}

bool fake_wait_rises(u32 gsi, unsigned int rises)
{
	u64 deadline = now_ns() + patient_ns(20 * NSEC_PER_SEC);

	while (fake_irq_rises(gsi) < rises) {
		if (now_ns() > deadline)
			return false;
		usleep(100);
	}
	return true;
}
