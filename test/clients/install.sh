#!/bin/sh
# Installs the clients that test/clients drives, and the front before them, on Debian. Does nothing where they are there.
set -eu

missing=
command -v skopeo >/dev/null 2>&1 || missing="$missing skopeo"
command -v dockerd >/dev/null 2>&1 || missing="$missing docker.io"
# Without recommendations, docker.io brings no client that the daemon can be spoken to with on newer Debian.
command -v docker >/dev/null 2>&1 || missing="$missing docker-cli"
# docker.io brings it along; where Docker came from elsewhere, it may lie where it is not found.
command -v containerd >/dev/null 2>&1 && command -v ctr >/dev/null 2>&1 || missing="$missing containerd"
command -v podman >/dev/null 2>&1 || missing="$missing podman"
command -v buildah >/dev/null 2>&1 || missing="$missing buildah"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
# The front that ends TLS, and what makes its certificate.
command -v nghttpx >/dev/null 2>&1 || missing="$missing nghttp2-proxy"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "These clients are missing, and there is no apt-get to install them with:$missing" >&2
  exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "These clients are missing; install them as root, there is no sudo here:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
# In the command and not exported: sudo passes no environment on.
as_root="$as_root env DEBIAN_FRONTEND=noninteractive"

echo "installing$missing"
$as_root apt-get update -qq
# docker-cli is a package of its own since Debian 13; before, docker.io holds the client.
case "$missing" in
  *docker-cli*) apt-cache show docker-cli >/dev/null 2>&1 || missing=$(echo "$missing docker.io" | sed 's/docker-cli//') ;;
esac
# shellcheck disable=SC2086 # one word a package
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
