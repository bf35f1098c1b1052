// For a process, and its threads, whose clock is wrong: by TEST_CLOCK_SHIFT_MS from its start, or from a SIGUSR2 on where
// TEST_CLOCK_SHIFT_ON_SIGNAL is set, which only the main thread hears.
const now = Date.now
let shift = Number(process.env['TEST_CLOCK_SHIFT_MS'])
if (process.env['TEST_CLOCK_SHIFT_ON_SIGNAL']) {
  const later = shift
  shift = 0
  process.on('SIGUSR2', () => {
    shift = later
  })
}
globalThis.Date = new Proxy(Date, {
  get: (target, name) => (name === 'now' ? () => now() + shift : Reflect.get(target, name)),
  construct: (target, values) => Reflect.construct(target, values.length === 0 ? [now() + shift] : values),
})
