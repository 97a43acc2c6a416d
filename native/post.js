require('./program.js').run('revoke')
