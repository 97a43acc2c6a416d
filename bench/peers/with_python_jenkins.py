# The recipe with python3-jenkins, which has no call for tokens but sends what it
# is given, with a crumb of its own: with_python_jenkins.py create|revoke.
import json
import os
import sys

import jenkins
import requests

root = os.environ["JENKINS_URL"]
actions = root + "/me/descriptorByName/jenkins.security.ApiTokenProperty/"
secret = os.environ.get("JENKINS_API_TOKEN") or os.environ["JENKINS_PASSWORD"]
server = jenkins.Jenkins(root, username=os.environ["JENKINS_USERNAME"], password=secret, timeout=30)
if sys.argv[1] == "create":
    answer = server.jenkins_open(requests.Request("POST", actions + "generateNewToken", data={"newTokenName": "recipe"}))
    with open(os.environ["LEASE"], "w") as lease:
        json.dump(json.loads(answer)["data"], lease)
else:
    with open(os.environ["LEASE"]) as lease:
        made = json.load(lease)
    server.jenkins_request(requests.Request("POST", actions + "revoke", data={"tokenUuid": made["tokenUuid"]}))
