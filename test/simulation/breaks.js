// Guards of src that the simulation must miss when they are gone: BREAK=fence npm run simulate. Each replaces a text.
const BREAKS = {
  fence: {
    file: 'src/workflow/settle.ts',
    text: 'await heldUnder(trx, orders, { token })',
    by: 'orders',
  },
  key: {
    file: 'src/workflow/claim.ts',
    text: 'const key = keyOf.get(id) ??',
    by: 'const key = String(Math.random()) ||',
  },
  stock: {
    file: 'src/workflow/stock.ts',
    text: 'if (lacking) {',
    by: 'if (lacking && lacking.quantity < 0) {',
  },
  poison: {
    file: 'src/workflow/lease.ts',
    text: "eb('claims', '+', sql.lit(1))",
    by: "eb('claims', '+', sql.lit(0))",
  },
}

/** @param {string} name of the guard to break */
export function breaking(name) {
  const { file, text, by } = BREAKS[name]
  return {
    name: 'break',
    transform(code, id) {
      if (!id.endsWith(file)) return undefined
      if (!code.includes(text)) throw new Error(`${file} has no longer the text that the break ${name} replaces`)
      return code.replace(text, by)
    },
  }
}
