require('./program.js').run('create')
