// Puts the verified program on PATH.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { load, write, report } = require('../native/program.js')

async function main() {
  const directory = fs.mkdtempSync(path.join(process.env.RUNNER_TEMP, 'jenkins-token-'))
  write(directory, await load())
  fs.appendFileSync(process.env.GITHUB_PATH, `${directory}\n`)
}

main().catch(report)
