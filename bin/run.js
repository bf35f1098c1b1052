#!/usr/bin/env node
// The entry point of `orderctl`.
import module from 'node:module'

// Node 22.8 and newer cache compiled code between runs, which halves the start-up time.
module.enableCompileCache?.()

// Stack traces are shown only if DEBUG is set. Source maps make them name lines of src/.
if (process.env['DEBUG']) process.setSourceMapsEnabled(true)

const { main } = await import('../dist/command-line/main.js')
await main(import.meta.url)
