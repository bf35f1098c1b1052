// What the values of a column settle.

interface Evidence<Verdict> {
  add(text: string, line: number): void
  verdict(): Verdict
}

/** The verdict on a column of these values, below a header. */
export function verdictOn<Verdict>(evidence: Evidence<Verdict>, values: readonly string[]): Verdict {
  for (const [index, text] of values.entries()) evidence.add(text, index + 2)
  return evidence.verdict()
}
