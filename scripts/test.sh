#!/usr/bin/env bash
# Installs what the tests need, and runs all of them, or those that recent changes may affect.
#   npm test [-- ARGUMENTS OF vitest]
#   npm run test:changed [-- SINCE]
source "$(dirname "$0")/setup.sh"
source scripts/galera.sh
source scripts/cloud-init.sh
# libguestfs needs a kernel, whose name has its release.
kernel() { compgen -G '/boot/vmlinuz-*' | head -n 1 || echo /boot/vmlinuz; }
need_packages qemu-img=qemu-utils mariadbd=mariadb-server-core my_print_defaults=mariadb-client-core strace=strace tmux=tmux zsh=zsh fish=fish man=man-db groff=groff-base mandoc=mandoc jq=jq \
  /usr/lib/grub-rescue/grub-rescue-cdrom.iso=grub-rescue-pc /usr/lib/ipxe/ipxe.iso=ipxe \
  mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs mkfs.btrfs=btrfs-progs mkfs.vfat=dosfstools mkfs.ntfs=ntfs-3g mkfs.exfat=exfatprogs \
  mkfs.f2fs=f2fs-tools mkfs.jfs=jfsutils mkfs.reiserfs=reiserfsprogs mksquashfs=squashfs-tools mkfs.erofs=erofs-utils \
  mkudffs=udftools makefs=makefs mkswap=util-linux sfdisk=fdisk xorriso=xorriso \
  guestfish=libguestfs-tools /usr/share/doc/libguestfs-xfs=libguestfs-xfs qemu-system-x86_64=qemu-system-x86 "$(kernel)=linux-image-cloud-amd64" \
  mmdebstrap=mmdebstrap newuidmap=uidmap busybox=busybox-static dropbear=dropbear-bin /usr/lib/grub/i386-pc/boot.img=grub-pc-bin grub-mkimage=grub-common cryptsetup=cryptsetup-bin \
  wimapply=wimtools depmod=kmod dash=dash python3=python3 curl=curl wget=wget ssh-keygen=openssh-client shellcheck=shellcheck systemd-analyze=systemd \
  mcopy=mtools genisoimage=genisoimage sgdisk=gdisk /usr/bin/time=time xz=xz-utils bzip2=bzip2 zstd=zstd zip=zip ar=binutils
need_modules
want_galera
want_cloud_init
need_build
[ "${1-}" = changed ] || exec npx --no-install vitest run "$@"
mapfile -t changed < <(node scripts/changed.js "${@:2}")
[ ${#changed[@]} -gt 0 ] || { say "No changes that tests cover"; exit; }
exec npx --no-install vitest related --run "${changed[@]}"
