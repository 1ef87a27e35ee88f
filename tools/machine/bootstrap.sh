#!/bin/sh
# What has to be there before the project's own programs can run: Node to start npm (18 or newer will do, the pinned
# Node comes with the packages) and the packages themselves. Debian packages are installed where they are missing.
set -eu
cd "$(dirname "$0")/../.."

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "needs root or sudo for: $*" >&2
    exit 1
  fi
}

missing=''
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
ldconfig -p 2>/dev/null | grep -q libatomic.so.1 || missing="$missing libatomic1"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || {
    echo "please install:$missing (this machine has no apt-get)" >&2
    exit 1
  }
  echo "installing Debian packages:$missing"
  as_root apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

echo "installing npm packages"
# engine-strict stays off: an old npm of the machine may start the install, the pinned Node runs everything after it.
npm ci --no-audit --no-fund --loglevel=error
node_modules/.bin/node --version >/dev/null || {
  echo "the pinned Node does not run here: is this Linux on x64 or arm64 with glibc?" >&2
  exit 1
}
