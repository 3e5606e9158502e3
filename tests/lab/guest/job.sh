# SPDX-License-Identifier: GPL-2.0-only
# lab=job: run the script /job, which another initrd brought, as `job` of lib.sh makes it; say its status
banner
sh -e /job 2>&1
echo "job: $?"
poweroff -f
