#!/usr/bin/env bash
# Installs what the benchmarks in test/bench need, and runs them: npm run bench
source "$(dirname "$0")/setup.sh"
need_packages qemu-img=qemu-utils mariadbd=mariadb-server-core my_print_defaults=mariadb-client-core
need_modules
need_build
exec npx --no-install vitest run --config vitest.bench.config.ts "$@"
