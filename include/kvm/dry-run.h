/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `run --dry-run` prints. dry-run.c.
 */
#ifndef KVM_DRY_RUN_H
#define KVM_DRY_RUN_H

struct kvm;

/*
 * Command line, memory map, devices and regions, on standard output. Main thread, after
 * power-on. 0, or -EIO after log_error().
 */
int dry_run_print(struct kvm *kvm);

#endif
