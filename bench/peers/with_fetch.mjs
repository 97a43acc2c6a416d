// The recipe with Node's fetch: with_fetch.mjs create|revoke.
import { readFileSync, writeFileSync } from 'node:fs';

const { JENKINS_URL: root, JENKINS_USERNAME: user, JENKINS_API_TOKEN: token, JENKINS_PASSWORD: password, LEASE: lease } = process.env;
const actions = `${root}/me/descriptorByName/jenkins.security.ApiTokenProperty/`;
const headers = { Authorization: 'Basic ' + Buffer.from(`${user}:${token || password}`).toString('base64') };

async function send(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer;
}

if (!token) {
  const answer = await send(`${root}/crumbIssuer/api/json`, { headers });
  const crumb = await answer.json();
  headers[crumb.crumbRequestField] = crumb.crumb;
  headers.Cookie = answer.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
}
if (process.argv[2] === 'create') {
  const answer = await send(`${actions}generateNewToken`, { method: 'POST', headers, body: new URLSearchParams({ newTokenName: 'recipe' }) });
  writeFileSync(lease, JSON.stringify((await answer.json()).data));
} else {
  const { tokenUuid } = JSON.parse(readFileSync(lease));
  await (await send(`${actions}revoke`, { method: 'POST', headers, body: new URLSearchParams({ tokenUuid }) })).text();
}
