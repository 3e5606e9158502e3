# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Halt on purpose, without the power-off that usually follows.
halt -f
