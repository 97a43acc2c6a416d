#!/bin/sh
# Terraform, whose Jenkins provider reads the token as a password:
#
#   jenkins-token exec --set JENKINS_PASSWORD=token -- sh terraform.sh plan
#
# The provider (taiidani/jenkins) takes JENKINS_URL, JENKINS_USERNAME and
# JENKINS_PASSWORD from the environment, so that nothing of it is in the
# configuration or in the state.
set -eu
cd "$(dirname "$0")/terraform"
exec terraform "$@"
