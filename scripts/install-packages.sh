#!/usr/bin/env bash
# Installs the system packages that building needs, if they are missing, or says what to install.
set -eu

missing=()
pkg-config --version >/dev/null 2>&1 || missing+=(pkg-config)
pkg-config --exists hdf5 2>/dev/null || [ -e /usr/include/hdf5/serial/hdf5.h ] || missing+=(libhdf5-dev)
command -v cc >/dev/null 2>&1 || missing+=(gcc)
if [ "${1:-}" = "--with-python" ]; then
    command -v python3 >/dev/null 2>&1 || missing+=(python3)
    python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
fi
if [ "${1:-}" = "--with-chromium" ]; then
    command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || missing+=(chromium)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null 2>&1; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    echo "installing ${missing[*]}"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
else
    cat >&2 <<TXT
Brickwork needs: ${missing[*]} (names of Debian's packages).
  Fedora:  dnf install hdf5-devel pkgconf gcc python3
  Arch:    pacman -S hdf5 pkgconf gcc python
  macOS:   brew install hdf5 pkg-config python
Install them and run the command again.
TXT
    exit 1
fi
