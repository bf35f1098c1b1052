#!/usr/bin/env node
// The entry of the installed `orderctl`: oclif finds the command, and errors leave through its handler.
import module from 'node:module'
import { execute } from '@oclif/core'

// Node 22.8 and newer keep compiled code between runs, which halves the start-up.
module.enableCompileCache?.()

// Stack traces are shown under DEBUG alone; there they name lines of src/.
if (process.env['DEBUG']) process.setSourceMapsEnabled(true)

await execute({ dir: import.meta.url })
