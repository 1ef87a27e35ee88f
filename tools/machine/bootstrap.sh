#!/bin/sh
# What must be there before any of the project's programs can run, since they run on the Node of node_modules: npm, the
# packages of package-lock.json, and the library that this Node loads. Everything else: machine.ts. Any npm will do.
set -eu
cd "$(dirname "$0")/../.."

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install() {
  command -v apt-get >/dev/null || { echo "this machine lacks $* (names in Debian): install it, then try again" >&2; exit 1; }
  echo "  installing Debian packages: $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v npm >/dev/null || install npm
# npm writes this file last, so a lock file that is newer has not been installed completely.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  echo '  installing npm packages'
  NPM_CONFIG_UPDATE_NOTIFIER=false npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
node_modules/.bin/node --version >/dev/null 2>&1 || install libatomic1
node_modules/.bin/node --version >/dev/null
