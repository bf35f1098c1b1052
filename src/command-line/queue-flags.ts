// Flags of the commands that carry orders to and from a queue.
import { Flags } from '@oclif/core'

export const allowEvictionFlag = Flags.boolean({
  description: 'go on with a Redis that throws keys away when its memory is full',
  default: false,
})
