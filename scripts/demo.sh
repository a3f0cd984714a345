#!/usr/bin/env bash
# Demonstrates the program on a temporary registry: npm run demo [-- PATH]
# Registers the disk image PATH; without PATH, a new one.
# npm runs scripts in the project's folder; INIT_CWD is the folder of the user.
given=
if [ $# -gt 0 ]; then given=$(cd "${INIT_CWD:-.}" && realpath -e -- "$1") || exit; fi
source "$(dirname "$0")/setup.sh"
if [ -z "${VDC_MANAGE_DEMO_READY:-}" ]; then
  need_packages qemu-img=qemu-utils
  need_modules
  need_build
fi

demo=$(mktemp -d)
trap 'rm -rf "$demo"' EXIT
# An SQLite registry in the temporary folder, regardless of this host's settings.
unset VDC_MANAGE_DATABASE_URI CONF_PATH
export VDC_MANAGE_DATABASE_URI="sqlite://$demo/registry.sqlite"
# Keep the temporary folder out of this host's list of image folders.
export XDG_STATE_HOME="$demo/state"
mkdir "$demo/bin"
ln -s "$PWD/bin/run.js" "$demo/bin/vdc-manage"
PATH="$demo/bin:$PATH"

# run COMMAND ...: prints a command as a user would type it, and runs it.
run() {
  local word line=''
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./:=@,+-]* | '') word="\"$word\"" ;; esac
    line+=" $word"
  done
  printf '\n$%s\n' "$line"
  "$@"
}

cd "$demo"
if [ -n "$given" ]; then
  image=$given
  description="An image of mine"
else
  mkdir images
  run qemu-img create -f qcow2 images/ubuntu10.04-amd64.qcow2 8G
  image=images/ubuntu10.04-amd64.qcow2
  description="Ubuntu 10.04 64bit"
fi
run vdc-manage image add local "$image" --arch x86_64 --account-id a-shpoolxx --description "$description" | tee id.txt
id=$(tail -n 1 id.txt)
run vdc-manage image list
run vdc-manage image show "$id"
run vdc-manage image del "$id"
run vdc-manage image list --all
