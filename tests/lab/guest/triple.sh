# SPDX-License-Identifier: GPL-2.0-only
# lab=triple: a deliberate triple fault, Linux's last resort to reboot
echo triple >/sys/kernel/reboot/type
echo 1 >/sys/kernel/reboot/force
banner
reboot -f
