// Finds, verifies and starts the program, for the actions native and setup.
'use strict'
const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const os = require('node:os')
const path = require('node:path')
const { version, url, sha256 } = require('./release.json') // written by the release

const system = `${process.platform.replace('win32', 'windows')}-${process.arch.replace('x64', 'amd64')}`
const file = process.platform === 'win32' ? 'jenkins-token.exe' : 'jenkins-token'
const address = `${url}/jenkins-token-${system}${path.extname(file)}`
const closed = 'set `program` to a copy of the file on the runner'

const fail = (what, hint) => { throw new Error(`${what}\nhint: ${hint}`) }

// load returns the bytes of the program for this machine. Those of a release have the
// SHA-256 that the release wrote into the action: a pinned action pins the program.
async function load() {
  const local = process.env.INPUT_PROGRAM?.trim()
  if (!version && !local) fail('this commit of the action is not a release, so there is no program to download', 'use a released tag or its commit, or set `program` to a program that you built')
  if (!version) return fs.readFileSync(local)
  if (!sha256[system]) fail(`there is no program for ${system}`, `use a runner with ${Object.keys(sha256).join(', ')}`)
  const isReleased = bytes => createHash('sha256').update(bytes).digest('hex') === sha256[system]
  const cached = path.join(process.env.RUNNER_TOOL_CACHE || process.env.RUNNER_TEMP, 'jenkins-token', version, system, file)
  const known = local || fs.existsSync(cached) ? fs.readFileSync(local || cached) : ''
  if (isReleased(known)) return known
  if (local) fail(`\`program\` is not the program of ${version} for ${system}: its SHA-256 differs`, `download ${address} again`)
  const bytes = await download(new URL(address))
  if (!isReleased(bytes)) fail(`${address} is not the program of ${version}: its SHA-256 differs`, `run the job again; if it differs again, ${closed}, and tell whoever runs the proxy or mirror`)
  try { write(path.dirname(cached), bytes) } catch {} // a cache that is read-only costs a download
  return bytes
}

// write puts the program into a directory, whole or not at all, and returns its path.
function write(directory, bytes) {
  fs.mkdirSync(directory, { recursive: true })
  const partial = fs.mkdtempSync(path.join(directory, 'new-'))
  fs.writeFileSync(path.join(partial, file), bytes, { mode: 0o755 })
  fs.renameSync(path.join(partial, file), path.join(directory, file))
  fs.rmdirSync(partial)
  return path.join(directory, file)
}

async function download(from, redirects = 5) {
  const response = await get(from).catch(error => fail(`cannot download ${address}: ${error.message}`, `let the runner reach it, directly or through HTTPS_PROXY, or ${closed}`))
  const target = response.headers.location && new URL(response.headers.location, from)
  if (target?.protocol === from.protocol && redirects > 0) return response.resume() && download(target, redirects - 1)
  if (response.statusCode !== 200) response.destroy() && fail(`cannot download ${address}: status ${response.statusCode}`, `check that the release ${version} exists there and that nothing in between blocks it, or ${closed}`)
  return Buffer.concat(await response.toArray().catch(error => fail(`the download of ${address} broke off: ${error.message}`, 'run the job again')))
}

// get starts a request, through the proxy of HTTPS_PROXY and NO_PROXY: Node itself does not
// look at them.
function get(from) {
  const [proxy, none] = ['https_proxy', 'no_proxy'].map(name => process.env[name] || process.env[name.toUpperCase()] || '')
  const direct = none.split(/[\s,]+/).some(host => host === '*' || host && `.${from.hostname}`.endsWith(`.${host.replace(/^\*?\./, '')}`))
  return new Promise((resolve, reject) => {
    const send = options => (from.protocol === 'http:' ? http : https).get(from, { timeout: 60e3, ...options }, resolve).on('error', reject).on('timeout', function () { this.destroy(new Error('no answer')) })
    if (!proxy || direct || from.protocol === 'http:') return send()
    const { protocol, hostname, port, username, password } = new URL(proxy.includes('://') ? proxy : `http://${proxy}`)
    const login = Buffer.from(decodeURIComponent(`${username}:${password}`)).toString('base64')
    const headers = username ? { 'Proxy-Authorization': `Basic ${login}` } : {}
    const options = { host: hostname, port, method: 'CONNECT', path: `${from.hostname}:${from.port || 443}`, headers, timeout: 60e3 };
    (protocol === 'https:' ? https : http).request(options)
      .on('connect', (answer, socket) => answer.statusCode === 200 ? send({ socket, agent: false }) : socket.destroy(new Error(`the proxy answered ${answer.statusCode}`)).on('error', reject))
      .on('timeout', function () { this.destroy(new Error('no answer from the proxy')) }).on('error', reject).end()
  })
}

// start runs the program as a command: a copy that no earlier step could write to.
async function start(command) {
  let child
  for (const signal of ['SIGINT', 'SIGTERM']) {
    // On Windows the console sends the signal to the program as well.
    process.on(signal, () => child ? process.platform === 'win32' || child.kill(signal) : process.exit(128 + os.constants.signals[signal]))
  }
  const bytes = await load()
  const directory = fs.mkdtempSync(path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'jenkins-token-'))
  // In a group of its own, it gets a signal to the runner's group once, through this process.
  child = spawn(write(directory, bytes), [], { argv0: command, stdio: 'inherit', detached: process.platform !== 'win32' })
  child.on('error', report)
  child.on('close', (code, signal) => {
    process.exitCode ||= code ?? 128 + os.constants.signals[signal]
    fs.rmSync(directory, { recursive: true, force: true })
  })
}

function report(error) {
  console.log(`::error::${error.message.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')}`)
  process.exitCode = 1
}

module.exports = { load, write, run: command => start(command).catch(report), report }
