/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket of a running machine: JSON lines (docs/control.md). control/socket.c.
 *
 * All functions are for the loop's thread.
 */
#ifndef KVM_IPC_H
#define KVM_IPC_H

#include <kvm/types.h>

#include <jansson.h>

#define IPC_PROTOCOL   1
#define IPC_LINE_MAX   (64 * KIB) /* size of a request, with its line end */
#define IPC_OUTPUT_MAX MIB	  /* output that a client may leave unread */

/* A request that waits for its answer. It may outlive its client. */
struct ipc_request {
	u64 client;		  /* control/socket.c's */
	json_t *id;		  /* the "id" of the request, or NULL */
	void *arg;		  /* for its command */
	struct ipc_request *next; /* for its command, while the request waits */
};

/*
 * A command. The handler takes the request and answers it once, now or later, by ipc_answer() or
 * ipc_refuse(), which free the request. params is the whole JSON object; borrowed.
 */
struct ipc_command {
	const char *name;
	void (*handle)(struct ipc_request *request, const json_t *params, void *arg);
	void *arg;
	struct ipc_command *next; /* control/socket.c's */
};

/* May be called from any module's init on. The command belongs to the caller and stays. */
void ipc_add_command(struct ipc_command *command);

/* Is the client of this request still there? An answer to a client that is gone is discarded. */
bool ipc_is_awaited(const struct ipc_request *request);

/* Answer a request. The reference of body is taken; NULL: the answer is only "ok". */
void ipc_answer(struct ipc_request *request, json_t *body);
void ipc_refuse(struct ipc_request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Answer, and take the connection from the control socket. Returns its descriptor, non-blocking,
 * which belongs to the caller, and so do the bytes that came after the request's line (*early, from
 * malloc(), or NULL). Only while the command's handler runs. -errno: the request was refused, or
 * its client is gone. The reference of body is taken.
 */
int ipc_take_over(struct ipc_request *request, json_t *body, u8 **early, size_t *early_len);

/*
 * Send {"event": name} to all subscribed clients now. Events from event_post() are sent a little
 * later; if there are too many at once, some are left out.
 */
void ipc_tell(const char *name);

#endif
