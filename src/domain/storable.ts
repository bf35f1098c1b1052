/**
 * The first UTF-16 units of a text. Replaces the half of a character, as the cut or a gateway may leave it: servers
 * reject it in JSON.
 */
export function storable(text: string, length: number): string {
  return Buffer.from(text.slice(0, length)).toString()
}
