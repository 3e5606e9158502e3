/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of a control socket: what lkvm stop and its like need. client/connection.c.
 * Main thread.
 */
#ifndef KVM_IPC_CLIENT_H
#define KVM_IPC_CLIENT_H

#include <kvm/types.h>

#include <jansson.h>

#define CONNECTION_TIMEOUT_NS (5 * NSEC_PER_SEC)

/*
 * Connect to the machine of that name in the runtime directory, within timeout_ns: a descriptor, or
 * -errno. -ESRCH: there is none that runs; what a dead one left behind is removed. -ETIMEDOUT: its
 * process takes no connections. -EPERM: the socket is another user's. -ENXIO, after log_error():
 * the directory cannot be opened. Else it says nothing.
 */
int connection_open(const char *name, u64 timeout_ns);

/* Why connection_open() failed, with an error that means there is a machine. */
const char *connection_why(int err);

/*
 * Send {"command": command, ...params} and wait for its answer, at most timeout_ns. params'
 * reference is taken, NULL is none. A new reference; or NULL with errno: ETIMEDOUT, ECONNRESET when
 * the machine went away, EBADMSG for what is no answer.
 */
json_t *connection_call(int fd, const char *command, json_t *params, u64 timeout_ns);

/*
 * The machine of that name has said that it ends: wait until its name is free, some seconds at
 * most.
 */
void connection_wait_gone(const char *name);

/*
 * fn for each machine that runs, all at the same time, each in a process of its own: fd is a
 * connection, or the -errno of connection_open() of one that cannot be reached. It returns a
 * status from 0 to 254. done, in the caller's process and in the order of the names, gets that
 * status and what fn wrote to standard output, which ends with a NUL. What dead machines left
 * behind is removed. 0, or -errno after log_error().
 */
int connection_for_each(int (*fn)(const char *name, int fd),
			void (*done)(const char *name, int status, const char *text, void *arg),
			void *arg);

#endif
