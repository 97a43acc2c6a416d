#!/bin/sh
# image.sh ROOT NAME PROGRAM [CERTIFICATES]: makes the root file system of an image in the
# new directory ROOT, with the file PROGRAM as /bin/NAME. The Dockerfile and tools/release
# both run it, so docker builds the image that is released. It works in the root of the
# repository.
set -eu
umask 022
copy() { cp "$2" "$3" && chmod "$1" "$3"; }
root=$1 name=$2 program=$3
mkdir -p "$root/bin" "$root/usr/share/licenses" "$root/tmp"
chmod 1777 "$root/tmp"
copy 755 "$program" "$root/bin/$name"
copy 644 LICENSE "$root/usr/share/licenses/LICENSE"
sh tools/licenses.sh >"$root/usr/share/licenses/licenses.md"
if [ "$name" = jenkins-token ]; then # the other image is the emulator's
  for command in create revoke revoke-uuid sweep; do ln -s "$name" "$root/bin/$command"; done
  mkdir -p "$root/etc/ssl"
  copy 644 "$4" "$root/etc/ssl/cert.pem"
fi
