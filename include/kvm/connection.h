/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client's end of a control socket, for lkvm stop and the like. client/connection.c. Main
 * thread.
 */
#ifndef KVM_IPC_CLIENT_H
#define KVM_IPC_CLIENT_H

#include <kvm/types.h>

#include <jansson.h>

#define CONNECTION_TIMEOUT_NS (5 * NSEC_PER_SEC)

/*
 * Connect to the machine of that name in the runtime directory, within timeout_ns: a descriptor, or
 * -errno. -ESRCH: no such machine runs; the files of one that was killed are removed. -ETIMEDOUT:
 * its process takes no connections. -EPERM: the socket belongs to another user. -ENXIO, after
 * log_error(): the directory cannot be opened. Other errors are not logged.
 */
int connection_open(const char *name, u64 timeout_ns);

/* A text for an error of connection_open() which means that the machine exists. */
const char *connection_why(int err);

/*
 * Send {"command": command, ...params} and wait for its answer, at most timeout_ns. The reference
 * of params is taken; NULL: no parameters. A new reference; or NULL with errno: ETIMEDOUT,
 * ECONNRESET if the machine has ended, EBADMSG if the data is not an answer.
 */
json_t *connection_call(int fd, const char *command, json_t *params, u64 timeout_ns);

/*
 * After the machine of that name has said that it ends: wait until its name is free, at most 5 s.
 */
void connection_wait_gone(const char *name);

/*
 * Call fn for each running machine, all at the same time, each in a process of its own. fd is a
 * connection, or the -errno of connection_open() for a machine that cannot be reached. fn returns a
 * status from 0 to 254. done is called in the caller's process, in the order of the names, with
 * that status and the standard output of fn, ended by a NUL. Sockets and lock files of machines
 * that were killed are removed. 0, or -errno after log_error().
 */
int connection_for_each(int (*fn)(const char *name, int fd),
			void (*done)(const char *name, int status, const char *text, void *arg),
			void *arg);

#endif
