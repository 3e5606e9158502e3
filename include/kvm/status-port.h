/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A serial port by which lkvm's init tells its status where it cannot use the exit port.
 * hw/status-port.c.
 */
#ifndef KVM_STATUS_PORT_H
#define KVM_STATUS_PORT_H

/*
 * Listen on a serial port that is not in use, from now on for a new random number. What the init
 * must be told, "ttyS1 NUMBER", which stays until the next call; NULL when no port is free. At
 * power-on and reset, after the devices were initialised; main thread, no vCPU runs.
 */
const char *status_port_open(void);

#endif
