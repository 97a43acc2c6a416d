#!/bin/sh
# Runs Jenkins Job Builder, which reads its credential from an ini file:
#
#   jenkins-token exec -- sh job-builder.sh update jobs/
#
# Only you can read the file, and the script removes it.
set -eu
umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cat >"$dir/jenkins_jobs.ini" <<INI
[jenkins]
url=$JENKINS_URL
user=$JENKINS_USER_ID
password=$JENKINS_API_TOKEN
INI
unset JENKINS_API_TOKEN
jenkins-jobs --conf "$dir/jenkins_jobs.ini" "$@"
