#!/usr/bin/env bash
# Tests the packages that npm run package has built: checks the Debian package with lintian, then
# installs each package into an empty folder, uses it, removes it, and looks for files left behind.
# Nothing is installed on this machine.
source "$(dirname "$0")/setup.sh"
need_packages dpkg=dpkg fakeroot=fakeroot fish=fish lintian=lintian man=man-db qemu-img=qemu-utils zsh=zsh
set -E
trap 'say "Failed: $BASH_COMMAND"' ERR

trial=$(mktemp -d)
trap 'rm -rf "$trial"' EXIT
tarball=$(realpath -e dist-packages/vdc-manage-*.tgz)
deb=$(realpath -e dist-packages/vdc-manage_*.deb)
cd "$trial"
mkdir home
# npm has its settings in the user's HOME.
npm=(env HOME="$HOME" npm --silent --global --prefix "$trial/npm")
unset CONF_PATH
export HOME=$trial/home XDG_STATE_HOME=$trial/state VDC_MANAGE_DATABASE_URI=sqlite://$trial/registry.sqlite
qemu-img create -q -f qcow2 disk.qcow2 8G

# try PREFIX COMPLETION: uses the program, its man pages and its completion for bash.
try() {
  local PATH=$1/bin:$PATH id typed
  rm -f registry.sqlite*
  [ "$(command -v vdc-manage)" = "$1/bin/vdc-manage" ]
  vdc-manage --version
  id=$(vdc-manage image add local disk.qcow2 --account-id a-shpoolxx)
  [ "$(vdc-manage image list --quiet)" = "$id" ]
  vdc-manage image show "$id" >image.txt
  grep '^display_name: *disk$' image.txt
  vdc-manage guest script --for debian | sh -n
  man -M "$1/share/man" -P cat vdc-manage-image-add-local >page.txt
  grep -A 1 '^NAME' page.txt
  printf 'vdc-manage account li\t--quiet\nexit\n' | bash --noprofile --rcfile "$2" -i >typed.txt 2>&1
  grep 'vdc-manage account list --quiet' typed.txt
  grep -x a-shpoolxx typed.txt
}

# check_empty FOLDER: fails if there are files in FOLDER.
check_empty() {
  local left
  left=$(find "$1" ! -type d)
  [ -z "$left" ] || { say "Left behind: $left"; exit 1; }
}

say "The npm tarball"
"${npm[@]}" install --no-audit --no-fund "$tarball"
npm/bin/vdc-manage completion bash >completion.bash
try "$trial/npm" completion.bash
installed=npm/lib/node_modules/vdc-manage
grep -oP '\]\(\K(?!https?:)[^)#]+' "$installed/README.md" | while read -r link; do
  [ -e "$installed/$link" ] || { say "README.md links to $link, which is not in the tarball"; exit 1; }
done
"${npm[@]}" uninstall vdc-manage
check_empty npm

say "The Debian package"
lintian --fail-on error,warning "$deb"
# A root folder in which the packages that it depends on count as installed. Node may be installed in other ways.
mkdir -p root/var/lib/dpkg/{info,triggers,updates}
needed=(libc6 libgcc-s1 qemu-utils)
{
  dpkg-query --status "${needed[@]}"
  printf '\nPackage: nodejs\nStatus: install ok installed\nArchitecture: %s\nVersion: %s\nMaintainer: -\nDescription: -\n' \
    "$(dpkg --print-architecture)" "$(node -p process.versions.node)"
} >root/var/lib/dpkg/status
(cd root/var/lib/dpkg/info && touch nodejs.list $(dpkg-query --show --showformat '${binary:Package}.list ' "${needed[@]}"))
dpkg=(env PATH="$PATH:/usr/sbin:/sbin" dpkg --root="$trial/root" --log="$trial/dpkg.log")
[ "$(id -u)" -eq 0 ] || dpkg=(fakeroot "${dpkg[@]}" --force-not-root)
"${dpkg[@]}" --install "$deb"
try "$trial/root/usr" root/usr/share/bash-completion/completions/vdc-manage
zsh -n root/usr/share/zsh/vendor-completions/_vdc-manage
fish -n root/usr/share/fish/vendor_completions.d/vdc-manage.fish
"${dpkg[@]}" --purge vdc-manage
rm -r root/var/lib/dpkg
check_empty root
say "Both packages work and leave nothing behind"
