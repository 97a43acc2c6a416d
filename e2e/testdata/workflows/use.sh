# Starts a build with the token, and prints it as nobody should.
set -eu
printf 'user = "alice:%s"\n' "$TOKEN" |
  curl --config - --silent --show-error --fail --request POST --output /dev/null "$URL/job/deploy/build?delay=0sec&from=$1"
echo "the token of $1 is $TOKEN"
