# Set-up for the project's scripts, to be sourced. Requires bash and Node on Debian or Ubuntu. Prints
# what it does to stderr.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "==> $*" >&2; }

# need_packages FILE=PACKAGE ...: installs the packages whose file or command is missing.
need_packages() {
  local missing=() pair probe
  for pair in "$@"; do
    probe=${pair%%=*}
    [ -e "$probe" ] || PATH="$PATH:/usr/sbin:/sbin" command -v "$probe" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "Install these packages as root (sudo is not available): ${missing[*]}"; exit 1; }
    as_root=(sudo)
  fi
  say "Installing system packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  # --no-remove keeps installed packages, such as another database server.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends --no-remove "${missing[@]}" >&2
}

# need_modules: installs the npm packages if they are missing or older than the lock file.
need_modules() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say "Installing npm packages: npm ci"
    npm ci --no-audit --no-fund --loglevel=error >&2
  fi
}

# need_build: builds the program.
need_build() {
  say "Building: npm run build"
  npm run --silent build >&2
}
