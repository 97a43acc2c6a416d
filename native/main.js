'use strict'
const { run, report } = require('./program.js')
run('create').catch(report)
