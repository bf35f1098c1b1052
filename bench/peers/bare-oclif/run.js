// A peer of orderctl's start-up: an oclif program with one command that does nothing.
import { execute } from '@oclif/core'

await execute({ dir: import.meta.url })
