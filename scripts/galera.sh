# Makes ready what tests of a Galera cluster need, to be sourced after setup.sh. It
# is no failure that it can't be had: those tests are skipped then, and say so.

# The scripts by which nodes hand their state over are a part of mariadb-server,
# whose installation would start a server: only they are taken out of the package.
want_galera() {
  local folder=node_modules/.cache/galera
  if [ ! -e /usr/lib/galera/libgalera_smm.so ] || ! command -v rsync >/dev/null || ! command -v lsof >/dev/null; then
    (need_packages /usr/lib/galera/libgalera_smm.so=galera-4 rsync=rsync lsof=lsof ss=iproute2) || true
  fi
  if ! PATH="$PATH:$folder/usr/bin" command -v wsrep_sst_rsync >/dev/null; then
    say "Taking the scripts of Galera out of the package mariadb-server"
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -qq mariadb-server >&2 && dpkg-deb -x mariadb-server_*.deb . && rm -f mariadb-server_*.deb) || true
  fi
  PATH="$PATH:$folder/usr/bin" command -v wsrep_sst_rsync >/dev/null && [ -e /usr/lib/galera/libgalera_smm.so ] ||
    say "Galera can't be had here: the tests of a cluster are skipped"
}
