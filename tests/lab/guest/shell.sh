# SPDX-License-Identifier: GPL-2.0-only
# lab=shell[:ROWSxCOLUMNS]: an interactive shell with job control on the console; powers off when it ends
banner
echo "lab: type exit (or Ctrl-D) to power the guest off"
case $arg in
*x*) stty rows "${arg%x*}" cols "${arg#*x}" 2>/dev/null ;;
esac
cd /root
PS1='guest:\w\$ ' setsid cttyhack sh
poweroff -f
