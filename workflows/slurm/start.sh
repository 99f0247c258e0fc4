#!/usr/bin/env bash
# A real SLURM of one machine, to try the cluster profile: start.sh FOLDER
# All of it (key, configuration, state, logs) lies in FOLDER; it listens on loopback only; a second
# call finds it running and does nothing. Then: source FOLDER/environment
# Needs the Debian packages slurm-wlm and munge; stop it with stop.sh FOLDER.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: start.sh FOLDER (new, or of an earlier call)" >&2; exit 2; }
PATH="$PATH:/usr/sbin:/sbin"
for program in munged slurmctld slurmd scontrol srun; do
  command -v "$program" >/dev/null \
    || { echo "$program is not installed: apt-get install slurm-wlm munge" >&2; exit 2; }
done
mkdir -p "$1"
folder=$(cd "$1" && pwd)
export SLURM_CONF="$folder/slurm.conf"
if [ -f "$SLURM_CONF" ] && scontrol ping 2>/dev/null | grep -q "UP"; then
  echo "runs already: source $folder/environment"
  exit 0
fi

user=$(id -un) node=$(hostname -s)
# Node names and addresses must resolve to loopback: the daemons bind to what they resolve to.
read -r controller_port node_port < <(python3 - <<'PORTS'
import socket
taken = [socket.socket() for _ in range(2)]
for one in taken:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in taken))
PORTS
)
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.95)}' /proc/meminfo)
cpus=$(nproc --all)
(umask 077; mkdir -p "$folder"/{munge,state,spool,log}; head -c 1024 /dev/urandom >"$folder/munge/key")
cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
ReturnToService=2
KillWait=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 Port=$node_port CPUs=$cpus RealMemory=$memory Gres=gpu:1
PartitionName=main Nodes=$node Default=YES State=UP
PartitionName=gpu Nodes=$node State=UP
CONF
# A stand-in for a GPU: it proves that requests are understood, not that anything is computed there.
echo "Name=gpu File=/dev/zero" >"$folder/gres.conf"

# Snakemake's executor forgets SLURM_CONF before it calls srun: this srun knows it.
mkdir -p "$folder/bin"
printf '#!/bin/sh\nexport SLURM_CONF="%s"\nexec "%s" "$@"\n' "$SLURM_CONF" "$(command -v srun)" \
  >"$folder/bin/srun"
chmod +x "$folder/bin/srun"
printf 'export SLURM_CONF="%s" PATH="%s:$PATH"\n' "$SLURM_CONF" "$folder/bin" >"$folder/environment"

munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
  --pid-file="$folder/munge/pid" --log-file="$folder/log/munged.log" \
  --seed-file="$folder/munge/seed" 2>"$folder/log/munged.err"
slurmctld -c
slurmd -N "$node"
for _ in $(seq 100); do
  if [ "$(sinfo --noheader --partition main --format %T 2>/dev/null)" = idle ]; then
    echo "SLURM of one machine runs: source $folder/environment"
    exit 0
  fi
  sleep 0.1
done
echo "SLURM did not start within 10 s; its last words:" >&2
tail -n 5 "$folder"/log/*.log >&2
"$(dirname "$0")/stop.sh" "$folder"
exit 1
