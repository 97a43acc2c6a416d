# The recipe with requests: with_requests.py create|revoke.
import json
import os
import sys

import requests

root = os.environ["JENKINS_URL"]
actions = root + "/me/descriptorByName/jenkins.security.ApiTokenProperty/"
session = requests.Session()
token = os.environ.get("JENKINS_API_TOKEN")
session.auth = (os.environ["JENKINS_USERNAME"], token or os.environ["JENKINS_PASSWORD"])
if not token:
    answer = session.get(root + "/crumbIssuer/api/json", timeout=30)
    answer.raise_for_status()
    crumb = answer.json()
    session.headers[crumb["crumbRequestField"]] = crumb["crumb"]
if sys.argv[1] == "create":
    answer = session.post(actions + "generateNewToken", data={"newTokenName": "recipe"}, timeout=30)
    answer.raise_for_status()
    with open(os.environ["LEASE"], "w") as lease:
        json.dump(answer.json()["data"], lease)
else:
    with open(os.environ["LEASE"]) as lease:
        made = json.load(lease)
    answer = session.post(actions + "revoke", data={"tokenUuid": made["tokenUuid"]}, timeout=30)
    answer.raise_for_status()
