# SPDX-License-Identifier: GPL-2.0-only
# lab=flood:N: write N bytes to the console: lines of 64 bytes, no carriage returns, between two marker lines
stty -opost
printf 'lab: flood begins\n'
yes 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ- | head -c "$arg"
printf '\nlab: flood ends\n'
poweroff -f
