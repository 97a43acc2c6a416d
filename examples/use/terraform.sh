#!/bin/sh
# Runs Terraform. Its Jenkins provider reads the token as a password:
#
#   jenkins-token exec --set JENKINS_PASSWORD=token -- sh terraform.sh plan
#
# The provider (taiidani/jenkins) takes JENKINS_URL, JENKINS_USERNAME and
# JENKINS_PASSWORD from the environment, so that none of them is in the configuration
# or the state.
set -eu
cd "$(dirname "$0")/terraform"
exec terraform "$@"
