// A terminal's screen as SVG: text by runs of one style, so that it can be selected, and a background where there is one.

const CELL = { width: 8.4, height: 19 }
const MARGIN = { x: 18, top: 44, bottom: 18 }
const INK = '#d7dae0'
const PAPER = '#1b1e26'
const PALETTE = [
  ...['#3b4048', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#abb2bf'],
  ...['#5c6370', '#f08089', '#b5e890', '#f5d79b', '#82c7ff', '#d999f0', '#7fd5e0', '#ffffff'],
]

/** The rows of the screen as runs of text in one style, without the empty rows at its end. */
export function linesOf({ buffer: { active }, rows, cols }) {
  const lines = Array.from({ length: rows }, (_, row) => runsOf(active.getLine(active.baseY + row), cols))
  while (lines.at(-1)?.every(({ text, style }) => text.trim() === '' && !style.paper)) lines.pop()
  return lines
}

function runsOf(line, columns) {
  const runs = []
  for (let column = 0; column < columns; column++) {
    const cell = line.getCell(column)
    if (cell.getWidth() === 0) continue
    const style = styleOf(cell)
    const last = runs.at(-1)
    if (last && JSON.stringify(last.style) === JSON.stringify(style)) last.text += cell.getChars() || ' '
    else runs.push({ column, text: cell.getChars() || ' ', style })
  }
  return runs
}

function styleOf(cell) {
  const [ink, paper] = [colour(cell, 'Fg', INK), colour(cell, 'Bg', undefined)]
  const swapped = cell.isInverse() ? { ink: paper ?? PAPER, paper: ink } : { ink, paper }
  return { ...swapped, bold: cell.isBold() !== 0, dim: cell.isDim() !== 0 }
}

function colour(cell, ground, fallback) {
  const value = cell[`get${ground}Color`]()
  if (cell[`is${ground}RGB`]()) return `#${value.toString(16).padStart(6, '0')}`
  if (cell[`is${ground}Palette`]()) return value < 16 ? PALETTE[value] : grey(value)
  return fallback
}

/** The 216 colours of the cube and the 24 greys of a 256-colour palette. */
function grey(value) {
  if (value >= 232) return rgb([8 + (value - 232) * 10, 8 + (value - 232) * 10, 8 + (value - 232) * 10])
  const cube = value - 16
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => (level ? 55 + level * 40 : 0)))
}

function rgb(levels) {
  return `#${levels.map((level) => level.toString(16).padStart(2, '0')).join('')}`
}

/** @param title what the picture shows, for those who cannot see it */
export function svgOf(lines, columns, title) {
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN.x)
  const height = lines.length * CELL.height + MARGIN.top + MARGIN.bottom
  const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
    (fill, index) => `<circle cx="${20 + index * 20}" cy="20" r="6" fill="${fill}"/>`,
  )
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${PAPER}"/>`,
    ...dots,
    '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ...lines.flatMap((runs, row) => runs.flatMap((run) => drawn(run, row))),
    '</g></svg>',
  ].join('\n')}\n`
}

function drawn({ column, text, style }, row) {
  const x = (MARGIN.x + column * CELL.width).toFixed(1)
  const top = MARGIN.top + row * CELL.height
  const length = (text.length * CELL.width).toFixed(1)
  const elements = []
  if (style.paper) {
    elements.push(`<rect x="${x}" y="${top}" width="${length}" height="${CELL.height}" fill="${style.paper}"/>`)
  }
  if (text.trim() !== '') {
    const look = `${style.bold ? ' font-weight="bold"' : ''}${style.dim ? ' opacity="0.6"' : ''}`
    const place = `x="${x}" y="${top + 14}" textLength="${length}" fill="${style.ink}"`
    elements.push(`<text ${place}${look}>${escaped(text)}</text>`)
  }
  return elements
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
