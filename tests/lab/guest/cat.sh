# SPDX-License-Identifier: GPL-2.0-only
# lab=cat:FILE: print a file of the guest, between two marker lines
echo "lab: $arg begins"
cat "$arg"
echo "lab: $arg ends"
poweroff -f
