/** Thrown for an invalid cell. The message completes "quantity …". */
export class InvalidCell extends Error {}

export function invalid(reason: string): never {
  throw new InvalidCell(reason)
}
