#!/bin/sh
# Prints the licences of what is compiled into the program: Go's standard library and
# all modules. The emulator and the programs for other systems need no other modules
# (a test of tools/release compares). Works in the root of the repository.
set -eu
print() {
  [ -r "$2" ] || { echo "licenses.sh: $1 has no $2" >&2; exit 1; }
  printf '\n## %s\n\n```text\n%s\n```\n' "$1" "$(cat "$2")"
}
modules=$(CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' .)
echo "# Licences of what is compiled in"
print "Go's standard library" "$(go env GOROOT)/LICENSE"
printf '%s\n' "$modules" | LC_ALL=C sort -u | while read -r path dir; do
  [ -z "$path" ] || print "$path" "$dir/LICENSE"
done
