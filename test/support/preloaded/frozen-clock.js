// For a binary whose clock stands still, so that all of a screen can be compared.
const now = Date.parse(process.env['TEST_NOW'])
Date.now = () => now
