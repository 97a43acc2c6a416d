#!/bin/sh
# Runs examples/act/workflow.yml under act (https://github.com/nektos/act) against
# an emulated Jenkins on this machine. Needs Go, docker and act:
#
#   sh examples/act/run.sh [further arguments for act]
#
# With JENKINS_URL and JENKINS_PASSWORD set, it uses the user alice of that controller
# instead of the emulated one.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
emulator=
# shellcheck disable=SC2329 # called by the trap
finish() {
  [ -z "$emulator" ] || kill "$emulator"
  rm -rf "$work"
}
trap finish EXIT

if [ -z "${JENKINS_URL:-}" ]; then
  JENKINS_PASSWORD='correct horse battery staple'
  go build -o "$work/jenkins-emulator" ./cmd/jenkins-emulator
  "$work/jenkins-emulator" --addr 127.0.0.1:0 --user "alice:$JENKINS_PASSWORD" --job deploy >"$work/started" &
  emulator=$!
  while [ ! -s "$work/started" ]; do
    kill -0 "$emulator" # ends the script when the emulator could not start
    sleep 0.1
  done
  JENKINS_URL=$(sed -n '1s/ .*//p' "$work/started")
fi
export JENKINS_PASSWORD

# --bind: the job sees this directory without a checkout. act reads the secret from
# the environment, so that it is not in an argument.
${ACT:-act} push --workflows examples/act/workflow.yml --bind --rm --container-daemon-socket - \
  --var "JENKINS_URL=$JENKINS_URL" --secret JENKINS_PASSWORD "$@"
