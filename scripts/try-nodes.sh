#!/usr/bin/env bash
# Runs tests of the built program on other major versions of Node: tests of the process on the oldest
# one (unless this machine has it, because npm test has run them), and of the demo and of starting
# on the newer ones. The binaries of Node come from npm.
source "$(dirname "$0")/setup.sh"
need_modules
nodes=$(mktemp -d)
trap 'rm -rf "$nodes"' EXIT
package=node-linux-$(node -p process.arch)
here=$(node -p 'parseInt(process.versions.node)')

# on MAJOR TEST ...: runs test files with the newest release of this major version.
on() {
  [ "$1" -ne "$here" ] || return 0
  npm install --silent --no-audit --no-fund --prefix "$nodes/$1" "$package@$1" >&2
  local PATH=$nodes/$1/node_modules/$package/bin:$PATH
  say "Node $(node --version): ${*:2}"
  node node_modules/.bin/vitest run "${@:2}"
}

on 20 test/cli/{help,session/hang-up,start/start-up}.test.ts test/cli/{shell,completion} test/commands/image/{add-local,list/list-show-del}.test.ts
for major in 22 24 26; do
  on "$major" test/demo.test.ts test/cli/start/{start-up,code-cache}.test.ts
done
