#!/bin/sh
# Lends a token to one command, from cron, from make, or in a CI that has no example.
# Image: none, or any with the program and curl in it.
# Credential: JENKINS_URL, JENKINS_USERNAME and JENKINS_API_TOKEN_FILE, the path of a
# file that only this user can read; or JENKINS_API_TOKEN itself.
# Cancel: SIGINT and SIGTERM end the command, then the token. After a kill -9 the
# record is left in that file, for jenkins-token revoke --lease FILE.
set -eu
exec jenkins-token exec --lease "$HOME/.jenkins-lease-$$.json" -- sh -ec '
  echo "user = $JENKINS_USER_ID:$JENKINS_API_TOKEN" |
    curl --config - --silent --show-error --fail --request POST "$JENKINS_URL/job/deploy/build"'
