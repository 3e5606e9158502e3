/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads beside the main one and the vCPUs: no signals, an end within a time. util/thread.c.
 * Any thread; nothing here keeps state.
 */
#ifndef KVM_THREAD_H
#define KVM_THREAD_H

#include <kvm/types.h>

#include <pthread.h>

/*
 * Start a thread in which every signal is blocked: they are the main thread's. stack_bytes 0 is the
 * system's usual size. 0 or -errno; says nothing.
 */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*fn)(void *arg), void *arg);

/*
 * Wait for its end, ns nanoseconds at most: true. False: it hangs, and was detached; what it uses
 * stays its own.
 */
bool thread_join_within(pthread_t thread, u64 ns);

#endif
