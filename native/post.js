'use strict'
const { run, report } = require('./program.js')
run('revoke').catch(report)
