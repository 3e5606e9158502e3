/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads besides the main thread and the vCPUs: they take no signals, and the wait for their end
 * is limited. util/thread.c. Any thread; nothing here keeps state.
 */
#ifndef KVM_THREAD_H
#define KVM_THREAD_H

#include <kvm/types.h>

#include <pthread.h>

/*
 * Start a thread in which every signal is blocked: the main thread takes the signals. stack_bytes 0
 * is the system's usual size. 0 or -errno; prints nothing.
 */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*fn)(void *arg), void *arg);

/*
 * Wait at most ns nanoseconds for the thread's end. True: it has ended. False: it hangs and was
 * detached; it may use its memory for ever.
 */
bool thread_join_within(pthread_t thread, u64 ns);

#endif
