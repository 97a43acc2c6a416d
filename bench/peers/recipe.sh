#!/bin/sh
# The recipe of countless answers and wikis: a crumb with its cookie jar, curl,
# jq. recipe.sh create|revoke.
set -eu
actions=$JENKINS_URL/me/descriptorByName/jenkins.security.ApiTokenProperty
jar=
if [ -n "${JENKINS_API_TOKEN-}" ]; then
  login=$JENKINS_USERNAME:$JENKINS_API_TOKEN # needs no crumb
  set -- "$1"
else
  login=$JENKINS_USERNAME:$JENKINS_PASSWORD
  jar=$(mktemp)
  trap 'rm -f "$jar"' EXIT
  crumb=$(curl -fsS -c "$jar" -u "$login" "$JENKINS_URL/crumbIssuer/api/json" | jq -r '.crumbRequestField + ":" + .crumb')
  set -- "$1" -b "$jar" -H "$crumb"
fi
command=$1
shift
case $command in
create)
  curl -fsS "$@" -u "$login" --data-urlencode newTokenName=recipe "$actions/generateNewToken" >"$LEASE"
  jq -er '.data.tokenValue' "$LEASE" >/dev/null
  ;;
revoke)
  curl -fsS "$@" -u "$login" --data-urlencode "tokenUuid=$(jq -r '.data.tokenUuid' "$LEASE")" "$actions/revoke"
  ;;
esac
