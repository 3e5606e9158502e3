/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket of a running machine: JSON lines (docs/control.md). control/socket.c.
 *
 * Everything is for the loop's thread.
 */
#ifndef KVM_IPC_H
#define KVM_IPC_H

#include <kvm/types.h>

#include <jansson.h>

#define IPC_PROTOCOL   1
#define IPC_LINE_MAX   (64 * KIB) /* of a request, with its line end */
#define IPC_OUTPUT_MAX MIB	  /* that a client may leave unread */

/* A request that waits for its answer. It may outlive its client. */
struct ipc_request {
	u64 client;		  /* control/socket.c's */
	json_t *id;		  /* as the client gave it, or NULL */
	void *arg;		  /* of its command */
	struct ipc_request *next; /* its command's, while it waits */
};

/*
 * A command. The handler takes the request, and answers it now or later, once, with
 * ipc_answer() or ipc_refuse(), which free it. params is the whole object; borrowed.
 */
struct ipc_command {
	const char *name;
	void (*handle)(struct ipc_request *request, const json_t *params, void *arg);
	void *arg;
	struct ipc_command *next; /* control/socket.c's */
};

/* From any module's init on; the command is the caller's and stays. */
void ipc_add_command(struct ipc_command *command);

/* Is its client still there? An answer to one that is not is thrown away. */
bool ipc_is_awaited(const struct ipc_request *request);

/* body's reference is taken; NULL: nothing but "ok". */
void ipc_answer(struct ipc_request *request, json_t *body);
void ipc_refuse(struct ipc_request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Answer, and take the connection from the control socket: its descriptor, non-blocking, is the
 * caller's, and so are the bytes that came behind the request's line (*early, from malloc(), or
 * NULL). Only while the command's handler runs. -errno: the request is refused, or its client gone.
 * body's reference is taken.
 */
int ipc_take_over(struct ipc_request *request, json_t *body, u8 **early, size_t *early_len);

/*
 * Tell all who subscribed now: {"event": name}. What is posted by event_post() they hear soon, and
 * of more than a client could read some events are left out.
 */
void ipc_tell(const char *name);

#endif
