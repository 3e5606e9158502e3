// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting vCPUs out of the guest, and letting them go on.
 *
 * Any thread can ask a vCPU for two things, by bits in `requests`: to park (leave the guest with
 * all its state in KVM, and wait) and to stop (leave for good). The asking thread sets the bit,
 * then run->immediate_exit, then sends a signal. The vCPU clears immediate_exit before it looks at
 * the bits. So either the vCPU sees the bit, or it enters KVM_RUN with immediate_exit set, or the
 * signal interrupts KVM_RUN: a request is never lost. The signal's handler does nothing; the signal
 * only has to interrupt KVM_RUN.
 *
 * kvm-cpu.c completes the last instruction of a vCPU before that parks; here the vCPU only waits.
 * When all vCPUs have set `parked`, the loop's thread may read or replace their registers. Each
 * vCPU calls a hook when it parks, so that no thread has to wait for it.
 *
 * Threads: one mutex protects `parked` and `requests` while a vCPU waits, and `started` while a
 * signal is sent: a joined thread must not be signalled. Only the main thread writes `started`.
 */
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/park.h>

#include <signal.h>

#define KICK_SIGNAL SIGRTMIN

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*hook)(void *arg);
	void *hook_arg;
} park = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void park_set_immediate_exit(struct kvm_cpu *cpu, bool exit)
{
	__atomic_store_n(&cpu->run->immediate_exit, exit, __ATOMIC_SEQ_CST);
}

/* --- called by any thread --- */

void park_ask_all(struct kvm *kvm, unsigned int request)
{
	pthread_mutex_lock(&park.lock);
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		struct kvm_cpu *cpu = &kvm->cpus[i];

		atomic_fetch_or(&cpu->requests, request);
		park_set_immediate_exit(cpu, true);
		if (cpu->started)
			pthread_kill(cpu->thread, KICK_SIGNAL);
	}
	pthread_cond_broadcast(&park.changed);
	pthread_mutex_unlock(&park.lock);
}

bool park_is_complete(const struct kvm *kvm)
{
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		if (!atomic_load(&kvm->cpus[i].parked))
			return false;
	}
	return true;
}

void park_report_missing(const struct kvm *kvm, const char *what)
{
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		if (!atomic_load(&kvm->cpus[i].parked))
			log_error("%s: vCPU %u does not leave the guest", what, i);
	}
}

void park_release_all(struct kvm *kvm)
{
	pthread_mutex_lock(&park.lock);
	for (unsigned int i = 0; i < kvm->cpu_count; i++) {
		atomic_store(&kvm->cpus[i].parked, false);
		atomic_fetch_and(&kvm->cpus[i].requests, ~(unsigned int)PARK_REQUEST);
	}
	pthread_cond_broadcast(&park.changed);
	pthread_mutex_unlock(&park.lock);
}

void park_set_hook(void (*fn)(void *arg), void *arg)
{
	park.hook = fn;
	park.hook_arg = arg;
}

/* --- called for a vCPU's thread --- */

static void park_kicked(int sig)
{
}

void park_init(void)
{
	const struct sigaction kick = {.sa_handler = park_kicked};

	sigaction(KICK_SIGNAL, &kick, NULL);
}

int park_start_thread(struct kvm_cpu *cpu, const pthread_attr_t *attr, void *(*fn)(void *cpu))
{
	int err;

	pthread_mutex_lock(&park.lock);
	err = pthread_create(&cpu->thread, attr, fn, cpu);
	cpu->started = !err;
	pthread_mutex_unlock(&park.lock);
	return -err;
}

void park_enter_thread(void)
{
	sigset_t kick;

	/*
	 * lkvm may have inherited a signal mask, also over exec: unblock the signal that kicks the
	 * vCPU.
	 */
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
}

void park_leave_thread(struct kvm_cpu *cpu)
{
	pthread_mutex_lock(&park.lock);
	cpu->left = true;
	pthread_cond_broadcast(&park.changed);
	pthread_mutex_unlock(&park.lock);
}

int park_join_thread(struct kvm_cpu *cpu, const struct timespec *until)
{
	bool join;
	int err = 0;

	pthread_mutex_lock(&park.lock);
	/* A thread stuck in the kernel must not keep the run from ending. */
	while (cpu->started && !cpu->left && !err)
		err = pthread_cond_clockwait(&park.changed, &park.lock, CLOCK_MONOTONIC, until);
	join = cpu->started && cpu->left;
	/* A joined thread must not be signalled. */
	cpu->started = false;
	pthread_mutex_unlock(&park.lock);
	if (join)
		pthread_join(cpu->thread, NULL);
	return join ? 0 : -err;
}

unsigned int park_requests(struct kvm_cpu *cpu)
{
	park_set_immediate_exit(cpu, false);
	return atomic_load(&cpu->requests);
}

void park_wait(struct kvm_cpu *cpu)
{
	bool wanted;

	pthread_mutex_lock(&park.lock);
	/* The request may have been taken back while the vCPU completed its instruction. */
	wanted = atomic_load(&cpu->requests) & PARK_REQUEST;
	atomic_store(&cpu->parked, wanted);
	pthread_mutex_unlock(&park.lock);
	if (!wanted)
		return;
	if (park.hook)
		park.hook(park.hook_arg);

	pthread_mutex_lock(&park.lock);
	/*
	 * Wait until `parked` is cleared, not until the request is: the next reset may ask at once.
	 */
	while (atomic_load(&cpu->parked) && !(atomic_load(&cpu->requests) & PARK_STOP))
		pthread_cond_wait(&park.changed, &park.lock);
	pthread_mutex_unlock(&park.lock);
}
