/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --budget: how long a boot may take until init. budget.c.
 */
#ifndef KVM_BUDGET_H
#define KVM_BUDGET_H

#include <kvm/kvm.h>

/*
 * The run is over, with *reason and *status. If the budget is the cause, print a line that says so.
 * If the guest ended well but was never seen to reach init, make that an error too. Main thread.
 */
void budget_check_end(enum end_reason *reason, int *status);

#endif
