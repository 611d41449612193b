#!/bin/sh
# Runs a rank where it sees one NVIDIA GPU only, its own by local rank, as in a container with that one:
#   mpirun -n 2 scripts/ownGpu.sh npx plusminus train --engine webgpu …
# Needs root, or user namespaces. (CUDA_VISIBLE_DEVICES does not act on Vulkan, and cards of one kind have one name.)
set -eu
rank=${OMPI_COMM_WORLD_LOCAL_RANK:-${MPI_LOCALRANKID:-${SLURM_LOCALID:-}}}
[ $# -gt 0 ] || { echo "ownGpu.sh: found no command; expected one to run" >&2; exit 2; }
[ -n "$rank" ] || exec "$@" # not under a launcher
count=$(ls /dev | grep -c '^nvidia[0-9]\+$') || true
[ "$count" -gt 1 ] || exec "$@"

if [ "${1:-}" != --inside ]; then
  [ "$(id -u)" = 0 ] && flags=-m || flags=-rm
  exec unshare $flags --propagation private "$0" --inside "$@"
fi
shift
own=$(ls /dev | grep '^nvidia[0-9]\+$' | sort -V | sed -n "$((rank % count + 1))p")

# A /dev like the host's without the other GPUs, and word to NVIDIA's libraries not to make their files again.
new=$(mktemp -d)
mount -t tmpfs none "$new"
for path in /dev/*; do
  name=${path#/dev/}
  case $name in
  "$own") ;;
  nvidia[0-9]*) continue ;;
  esac
  if [ -L "$path" ]; then
    cp -P "$path" "$new/$name"
  elif [ -d "$path" ]; then
    mkdir "$new/$name" && mount --rbind "$path" "$new/$name"
  else
    : >"$new/$name" && mount --bind "$path" "$new/$name"
  fi
done
mount --rbind "$new" /dev
umount --lazy "$new"
rmdir "$new"
if [ -e /proc/driver/nvidia/params ]; then
  sed 's/^ModifyDeviceFiles: 1/ModifyDeviceFiles: 0/' /proc/driver/nvidia/params >/dev/shm/nvidia-params.$$
  mount --bind /dev/shm/nvidia-params.$$ /proc/driver/nvidia/params
  rm /dev/shm/nvidia-params.$$
fi
exec "$@"
