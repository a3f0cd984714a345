#!/bin/sh
# Makes the SSH host keys that an instance lacks. Must run before sshd starts. dropbear makes its own keys.

set -u
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# An instance that lost power may have empty files, which sshd does not take and ssh-keygen does not replace.
for key in /etc/ssh/ssh_host_*key; do
  [ -s "$key" ] || rm -f "$key" "$key.pub"
done
command -v ssh-keygen >/dev/null || exit 0
if ! ssh-keygen -A; then
  # Before OpenSSH 5.8. A type that it does not know fails, and the others are made.
  for type in rsa dsa ecdsa; do
    key=/etc/ssh/ssh_host_${type}_key
    [ -e "$key" ] || ssh-keygen -q -t "$type" -N '' -C '' -f "$key" </dev/null
  done
fi
if command -v restorecon >/dev/null; then restorecon -R /etc/ssh; fi
# Fails, so that it is noticed, if there is no key at all.
set -- /etc/ssh/ssh_host_*_key
[ -s "$1" ]
