/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The name of this machine, held by a lock from INIT_CORE on. control/name.c. Main thread.
 */
#ifndef KVM_INSTANCE_H
#define KVM_INSTANCE_H

/* The runtime directory; control/name.c's, open while the machine is there. */
int instance_dir_fd(void);

#endif
