#!/usr/bin/env bash
# Stop what start.sh FOLDER started; harmless where nothing runs. FOLDER is left for its logs.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: stop.sh FOLDER" >&2; exit 2; }
folder=$(cd "$1" && pwd)
export SLURM_CONF="$folder/slurm.conf"
files=("$folder/slurmd.pid" "$folder/slurmctld.pid" "$folder/munge/pid")
pids=$(cat "${files[@]}" 2>/dev/null || true)
for pid in $pids; do
  # Only a daemon of this folder: the number may belong to someone else by now.
  grep -qz "^SLURM_CONF=$SLURM_CONF$" "/proc/$pid/environ" 2>/dev/null && kill "$pid" || true
done
for _ in $(seq 100); do
  alive=0
  for pid in $pids; do
    grep -qz "^SLURM_CONF=$SLURM_CONF$" "/proc/$pid/environ" 2>/dev/null && alive=1
  done
  [ $alive = 0 ] && break
  sleep 0.1
done
rm -f "${files[@]}"
