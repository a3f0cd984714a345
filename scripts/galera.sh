# Installs what the tests of a Galera cluster need. To be sourced after setup.sh. If it cannot be
# installed, those tests are skipped with a message.

# The scripts that transfer a node's state are part of mariadb-server. Installing that would start a
# server, so only the scripts are extracted from the package.
want_galera() {
  local folder=node_modules/.cache/galera
  if [ ! -e /usr/lib/galera/libgalera_smm.so ] || ! command -v rsync >/dev/null || ! command -v lsof >/dev/null; then
    (need_packages /usr/lib/galera/libgalera_smm.so=galera-4 rsync=rsync lsof=lsof ss=iproute2) || true
  fi
  if ! PATH="$PATH:$folder/usr/bin" command -v wsrep_sst_rsync >/dev/null; then
    say "Extracting the scripts of Galera from the package mariadb-server"
    mkdir -p "$folder"
    (cd "$folder" && apt-get download -qq mariadb-server >&2 && dpkg-deb -x mariadb-server_*.deb . && rm -f mariadb-server_*.deb) || true
  fi
  PATH="$PATH:$folder/usr/bin" command -v wsrep_sst_rsync >/dev/null && [ -e /usr/lib/galera/libgalera_smm.so ] ||
    say "Galera cannot be installed: the tests of a cluster are skipped"
}
