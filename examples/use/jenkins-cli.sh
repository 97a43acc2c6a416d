#!/bin/sh
# Jenkins' own command line with a token that ends with it:
#
#   jenkins-token exec --auth-file JENKINS_AUTH -- sh jenkins-cli.sh build deploy -s -v
#
# JENKINS_AUTH is the path of a file of user:token, which -auth reads after an @:
# the token is in no argument and in no environment but that of this script. The
# program itself is at $JENKINS_URL/jnlpJars/jenkins-cli.jar of your controller;
# CLI_JAR is where you keep it.
set -eu
unset JENKINS_API_TOKEN
exec java -jar "${CLI_JAR:-jenkins-cli.jar}" -s "$JENKINS_URL" -webSocket -auth "@$JENKINS_AUTH" "$@"
