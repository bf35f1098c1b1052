// Names of columns, compared as people read them: case, accents, blanks, underscores and punctuation do not matter.

/** Abbreviations and signs for a number, as in `Order #`, `Bestell-Nr.` and `Nº de pedido`. */
const NUMBER_WORDS = new Set(['#', 'no', 'nr', 'nro', 'num', 'n', 'numero', 'nummer', 'number'])

/** The same at the end of a compound, as in `bestellnummer` and `orderno`. */
const NUMBER_ENDING = /(?<=.)(nummer|numero|number|num|nr|no)$/

/** Articles and prepositions: `fecha del pedido` is `fecha pedido`. At the end of a name they count: `commandé le`. */
const PARTICLES = new Set('de del della dell des du d do da di of the van la le l'.split(' '))

/** Returns the form in which two names are equal: `Order No.`, `orderNumber` and `ORDER #` become `ordernumber`. */
export function normalName(name: string): string {
  return joinWords(wordsOf(name))
}

/** As `normalName` for the words of a name. */
export function joinWords(all: readonly string[]): string {
  const words = all.map((word) => (NUMBER_WORDS.has(word) ? 'number' : word))
  const kept = words.filter((word, at) => at === words.length - 1 || !PARTICLES.has(word))
  return kept.join('').replace(NUMBER_ENDING, 'number')
}

/** The words of a name in lower case, without accents. */
export function wordsOf(name: string): string[] {
  const plain = name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .replaceAll('º', 'o ')
    .replaceAll('°', ' ')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .toLowerCase()
  return plain.match(/[\p{L}\p{N}]+|[#\p{Sc}]/gu) ?? []
}

/** Returns the indexes of the columns that the file has. */
export function findNames(cells: readonly string[], names: readonly string[] = []): number[] {
  return names.map((name) => findName(cells, name)).filter((index) => index >= 0)
}

/** Returns the indexes of all columns that have the name of this column, whatever their case. */
export function findAllNamed(cells: readonly string[], name: string): number[] {
  const found = cells[findName(cells, name)]?.trim().toLowerCase()
  return cells.flatMap((cell, index) => (cell.trim().toLowerCase() === found ? [index] : []))
}

/**
 * Returns the index of a column: the one with exactly this name, else the first one whose name reads the same; -1 if
 * there is none.
 */
export function findName(cells: readonly string[], name: string): number {
  const exact = cells.findIndex((cell) => cell.trim() === name.trim())
  if (exact >= 0) return exact
  const normal = normalName(name)
  return normal === '' ? -1 : cells.findIndex((cell) => normalName(cell) === normal)
}
