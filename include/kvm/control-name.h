/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The name of this machine, held by a lock from INIT_NAME on. control/name.c. Main thread.
 */
#ifndef KVM_INSTANCE_H
#define KVM_INSTANCE_H

/*
 * A descriptor of the runtime directory, open while the machine exists; control/name.c closes it.
 */
int instance_dir_fd(void);

#endif
