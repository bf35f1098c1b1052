// A file of a text, for `understand`.
import type { Content } from '../../../src/csv/content.js'
import type { Answers } from '../../../src/import/mapping/mapping.js'
import { type Understood, understand } from '../../../src/import/mapping/understand.js'

export async function understandText(text: string, answers: Answers = {}): Promise<Understood> {
  const bytes = Buffer.from(text)
  const content: Content = {
    name: 'orders.csv',
    size: bytes.length,
    encoding: 'utf-8',
    compression: null,
    fraction: 0,
    peek: async (count) => bytes.subarray(0, count),
    next: async () => undefined,
    close: async () => {},
  }
  return await understand(content, answers)
}
