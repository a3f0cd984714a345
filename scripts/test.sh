#!/usr/bin/env bash
# Runs all tests, after its own set-up: npm test [-- ARGUMENTS OF vitest]
source "$(dirname "$0")/setup.sh"
need_packages qemu-img=qemu-utils mariadbd=mariadb-server-core my_print_defaults=mariadb-client-core strace=strace tmux=tmux jq=jq \
  /usr/lib/grub-rescue/grub-rescue-cdrom.iso=grub-rescue-pc /usr/lib/ipxe/ipxe.iso=ipxe
need_modules
need_build
exec npx --no-install vitest run "$@"
