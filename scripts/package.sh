#!/usr/bin/env bash
# Builds the packages for users in dist-packages/: the npm tarball, and a Debian package for this
# machine's architecture. Builds are reproducible: the same commit and tools give the same bytes
# (docs/decisions/0022-packages.md).
source "$(dirname "$0")/setup.sh"
need_packages dpkg-deb=dpkg gzip=gzip git=git
need_modules
umask 022
export LC_ALL=C TZ=UTC
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

field() { node -p "require('./package.json').$1"; }
packages=$PWD/dist-packages
rm -rf "$packages"
mkdir "$packages"

tree=$(mktemp -d)
packed=$(mktemp -d)
trap 'rm -rf "$tree" "$packed"' EXIT
chmod 755 "$tree"

say "Building the program and the npm tarball: npm pack"
npm pack --silent --pack-destination "$packed" >&2
# npm keeps the modes of files, which depend on the umask at checkout.
tar -xzf "$packed"/*.tgz -C "$packed"
chmod -R u=rwX,go=rX "$packed/package"
npm pack --silent --ignore-scripts --pack-destination "$packages" "$packed/package" >/dev/null

say "Building the Debian package: dpkg-deb"

# put FILE PATH: adds a file to the package as PATH.
put() { install -D -m 644 "$1" "$tree/$2"; }

# Files for running the program: the bundle, the files that it reads, and libsql's binary for glibc.
libsql=$(echo node_modules/@libsql/linux-*-gnu*)
for path in bin/* dist/* package.json oclif.manifest.json "$libsql"/{package.json,index.node}; do
  put "$path" "usr/lib/vdc-manage/$path"
done
chmod 755 "$tree/usr/lib/vdc-manage/bin/run.js"
mkdir "$tree/usr/bin"
ln -s ../lib/vdc-manage/bin/run.js "$tree/usr/bin/vdc-manage"

for page in man/*; do
  put "$page" "usr/share/man/man${page##*.}/${page#man/}"
done
bin/run.js completion bash | put /dev/stdin usr/share/bash-completion/completions/vdc-manage
bin/run.js completion zsh | put /dev/stdin usr/share/zsh/vendor-completions/_vdc-manage
bin/run.js completion fish | put /dev/stdin usr/share/fish/vendor_completions.d/vdc-manage.fish

version=$(field version)
maintainer=$(git log -1 --format='%an <%ae>')
doc=usr/share/doc/vdc-manage
node scripts/copyright.js "$libsql" | put /dev/stdin "$doc/copyright"
put CHANGELOG.md "$doc/NEWS"
put /dev/stdin "$doc/changelog" <<END
vdc-manage ($version) unstable; urgency=medium

  * New release; NEWS.gz lists the changes.

 -- $maintainer  $(date --rfc-email --date "@$SOURCE_DATE_EPOCH")
END
gzip -9n "$tree/$doc"/{NEWS,changelog} "$tree"/usr/share/man/man*/*

glibc=$(grep -aoP '\0GLIBC_\K[0-9.]+' "$libsql/index.node" | sort -V | tail -n 1)
kilobytes=$(find "$tree" -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }')
(cd "$tree" && find usr -type f | sort | xargs md5sum) | put /dev/stdin DEBIAN/md5sums
put /dev/stdin DEBIAN/control <<END
Package: vdc-manage
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: $kilobytes
Depends: nodejs (>= $(field engines.node | tr -dc 0-9.)), qemu-utils, libc6 (>= $glibc), libgcc-s1
Suggests: bzip2, libguestfs-tools, libguestfs-xfs, qemu-system-x86, xz-utils, zstd
Section: admin
Priority: optional
Description: $(field description | sed 's/^The //')
 vdc-manage checks disk images with qemu-img, records them as machine images in
 the registry of a Wakame-vdc data centre, and manages what is registered there.
 .
 The registry is a MySQL or MariaDB database, or an SQLite file.
END

find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz --build "$tree" "$packages" >&2
(cd "$packages" && sha256sum -- *)
