#!/bin/sh
# One line at login when the health of Tenstorrent's driver is not ok; nothing otherwise. Off until it is linked to:
# as /etc/profile.d/ttkmd.sh, where shells source it, or as /etc/update-motd.d/95-ttkmd, where it is run.
# It reads what the daemon keeps up to date, and starts no program but sed.
if [ -r /run/ttkmd/status.json ]; then
  ttkmd_health=$(sed -n 's/.*"health"[[:space:]]*:[[:space:]]*"\([a-z]*\)".*/\1/p;/"health"/q' /run/ttkmd/status.json)
  case $ttkmd_health in
    ok | '') ;;
    *) echo "ttkmd: the health of Tenstorrent's driver is $ttkmd_health; what to do: ttkmdctl status" ;;
  esac
  unset ttkmd_health
fi
