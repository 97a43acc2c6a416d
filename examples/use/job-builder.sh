#!/bin/sh
# Jenkins Job Builder, which reads its login from an ini file:
#
#   jenkins-token exec -- sh job-builder.sh update jobs/
#
# The file is readable by you alone and goes with the script.
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
