// How a person is named in texts, such as the message of a gateway or the reason that somebody typed.

export interface Person {
  readonly customer_id: string
  readonly name: string
}

/** What is replaced in texts: a name or id that names one person. A number such as `17` stays. */
export function namesOf({ customer_id, name }: Person): string[] {
  const isTelling = (text: string) => text.length >= 4 && /\p{L}/u.test(text)
  // The longest first: an e-mail address may start with the name.
  return [...new Set([name, customer_id])].filter(isTelling).sort((a, b) => b.length - a.length)
}

/** Replaces whole words only, whatever their case. */
export function withoutNames(text: string, names: readonly string[], placeholder: string): string {
  return names.reduce((left, name) => {
    const escaped = name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    return left.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'giu'), () => placeholder)
  }, text)
}
