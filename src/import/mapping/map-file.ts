// Placeholder until branch `map` is merged.
import type { Mapping } from './mapping.js'

export async function readMapping(_fileOrPreset: string, _pathOf: (text: string) => string): Promise<Mapping> {
  throw new Error('not built')
}

export function mappingText(_mapping: Mapping): string {
  throw new Error('not built')
}
