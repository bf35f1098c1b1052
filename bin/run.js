#!/usr/bin/env node
// The entry point of `orderctl`. oclif finds the command and handles its errors.
import module from 'node:module'
import { execute } from '@oclif/core'

// Node 22.8 and newer cache compiled code between runs, which halves the start-up time.
module.enableCompileCache?.()

// Stack traces are shown only if DEBUG is set. Source maps make them name lines of src/.
if (process.env['DEBUG']) process.setSourceMapsEnabled(true)

// A worker goes on if its log cannot be written.
process.stderr.on('error', () => undefined)
// oclif's own listener would throw, and print a stack trace.
process.stdout.removeAllListeners('error')
process.stdout.on('error', ({ code, message }) => {
  // Programs such as `head` close the pipe early.
  if (code === 'EPIPE') process.exit()
  const error = {
    code: 'output_failed',
    message: `Cannot write the output (${message}).`,
    fix: 'Free space, or write the output to another place. What the command has changed stays changed.',
    retryable: false,
  }
  const text = `Error: ${error.message}\n${error.fix}`
  process.stderr.write(`${process.argv.includes('--json') ? JSON.stringify({ error }, null, 2) : text}\n`)
  process.exit(1)
})

await execute({ dir: import.meta.url })
