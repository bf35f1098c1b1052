// For a binary that meets what nobody thought of.
process.once('SIGUSR2', () => {
  throw new Error('nobody thought of this')
})
