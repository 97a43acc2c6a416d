#!/bin/sh
# Starts a job and waits for its result; exits with 0 if that is SUCCESS.
#
#   jenkins-token exec -- sh trigger-and-wait.sh JOB [NAME=VALUE ...]
#
# Write a job in a folder as folder/job/name. POLL is the interval in seconds. The
# build continues if this script stops first.
set -eu
job=$1 && shift
build=build && [ $# -eq 0 ] || build=buildWithParameters

# curl reads the token from standard input, because every process can see arguments.
# sed escapes quotes in the user name.
jenkins() {
  printf '%s:%s\n' "$JENKINS_USER_ID" "$JENKINS_API_TOKEN" |
    sed 's/["\\]/\\&/g; s/.*/user = "&"/' |
    curl --config - --silent --show-error --fail --max-time 30 "$@"
}
get() { json=$(jenkins --retry 3 "$JENKINS_URL/$1/api/json") && printf '%s' "$json" | jq -r "$2"; }

for parameter; do set -- "$@" --data-urlencode "$parameter" && shift; done
answer=$(jenkins --request POST --dump-header - --output /dev/null "$@" "$JENKINS_URL/job/$job/$build")
item=$(printf '%s' "$answer" | tr -d '\r' | sed -n 's,^[Ll]ocation: .*/queue/item/\([0-9]*\)/$,\1,p')
[ -n "$item" ] || { echo "$job: Jenkins named no item of its queue" >&2; exit 1; }

number=null result=null
while [ "$number" = null ]; do
  sleep "${POLL:-2}"
  number=$(get "queue/item/$item" 'if .cancelled then "cancelled" else .executable.number end')
done
[ "$number" != cancelled ] || { echo "$job: cancelled while it waited in the queue" >&2; exit 1; }
while [ "$result" = null ]; do
  sleep "${POLL:-2}"
  result=$(get "job/$job/$number" 'if .building then null else .result end')
done
echo "$job #$number: $result"
[ "$result" = SUCCESS ]
