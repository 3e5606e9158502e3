/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A serial port by which lkvm's init tells its exit status if it cannot use the exit port.
 * hw/status-port.c.
 */
#ifndef KVM_STATUS_PORT_H
#define KVM_STATUS_PORT_H

/*
 * Listen on a serial port that is not in use, for a new random number. Returns the text for the
 * init, "ttyS1 NUMBER", valid until the next call; NULL: no port is free, or there is no random
 * number. At power-on and reset, after the devices were initialised; main thread, no vCPU runs.
 */
const char *status_port_open(void);

#endif
