/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file of --console-log. console/log.c.
 */
#ifndef KVM_CONSOLE_LOG_H
#define KVM_CONSOLE_LOG_H

#include <kvm/types.h>

/*
 * The guest wrote bytes to its console. Any thread; never blocks. Without --console-log: nothing.
 */
void console_log_write(const u8 *data, size_t len);

#endif
