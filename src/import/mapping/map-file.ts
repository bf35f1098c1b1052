// Placeholder until branch `map` has it.
import type { Mapping } from './mapping.js'
import { presetNamed } from './presets.js'

export async function readMapping(fileOrPreset: string): Promise<Mapping> {
  return presetNamed(fileOrPreset).mapping
}

export function mappingText(mapping: Mapping): string {
  return `${JSON.stringify(mapping, null, 2)}\n`
}
