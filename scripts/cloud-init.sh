# Extracts cloud-init and the Python modules that it needs. To be sourced after setup.sh. Installing it
# would let it set up this host. If it cannot be downloaded, its tests are skipped.

want_cloud_init() {
  local folder=node_modules/.cache/cloud-init
  [ ! -e "$folder/usr/lib/python3/dist-packages/cloudinit" ] || return 0
  say "Extracting the package cloud-init"
  rm -rf "$folder"
  mkdir -p "$folder.new"
  (
    cd "$folder.new" &&
      apt-get download -qq cloud-init python3-{certifi,chardet,charset-normalizer,configobj,idna,jinja2,json-pointer,jsonpatch,markupsafe,netifaces,oauthlib,requests,six,urllib3,yaml} >&2 &&
      for package in *.deb; do dpkg-deb -x "$package" . || exit; done &&
      rm -f -- *.deb
  ) && mv "$folder.new" "$folder" || { rm -rf "$folder.new"; say "cloud-init cannot be downloaded: its tests are skipped"; }
}
