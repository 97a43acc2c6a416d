#!/bin/sh
# Runs Jenkins' own command line client with a temporary token:
#
#   jenkins-token exec --auth-file JENKINS_AUTH -- sh jenkins-cli.sh build deploy -s -v
#
# JENKINS_AUTH is the path of a file with user:token, which -auth reads after an @.
# The token is not in an argument, and only this script has it in its environment.
# Download the client from $JENKINS_URL/jnlpJars/jenkins-cli.jar; CLI_JAR is its path.
set -eu
unset JENKINS_API_TOKEN
exec java -jar "${CLI_JAR:-jenkins-cli.jar}" -s "$JENKINS_URL" -webSocket -auth "@$JENKINS_AUTH" "$@"
