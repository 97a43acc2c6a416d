#!/bin/sh
# Runs a command with a temporary token, from cron, from make, or on a CI system
# without an example.
# Image: none, or any image with the program and curl.
# Credential: JENKINS_URL, JENKINS_USERNAME and JENKINS_API_TOKEN_FILE, the path of a
# file that only this user can read; or JENKINS_API_TOKEN itself.
# Cancel: SIGINT and SIGTERM go to the command; then the token is revoked. After a
# kill -9, run jenkins-token revoke --lease FILE with the lease file below.
set -eu
exec jenkins-token exec --lease "$HOME/.jenkins-lease-$$.json" -- sh -ec '
  printf "%s:%s\n" "$JENKINS_USER_ID" "$JENKINS_API_TOKEN" |
    sed "s/[\\\"]/\\\\&/g; s/.*/user = \"&\"/" |
    curl --config - --silent --show-error --fail --request POST "$JENKINS_URL/job/deploy/build"'
