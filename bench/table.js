// Writes rows of measurements as a Markdown table, for docs/performance.md.

/** A count of lines or orders, in the name of a figure. */
export function counted(count, unit) {
  return `${count.toLocaleString('en')} ${unit}`
}

const HEAD = ['figure', 'target', 'result', 'orderctl', 'peak memory', 'compared with']

export function markdown(rows) {
  const cells = rows.map((row, index) => {
    const isFirst = row.figure !== rows[index - 1]?.figure
    return [
      isFirst ? row.figure : '',
      row.target === undefined ? '–' : `${row.compare === 'speed' ? '≥' : '≤'} ${valueText(row, row.target)}`,
      row.value === undefined ? '–' : `${valueText(row, row.value)}${row.met === false ? ', missed' : ''}`,
      isFirst ? timeAndRate(row, row) : '',
      isFirst && row.peak !== undefined ? megabytes(row.peak) : '',
      row.peer ? `${row.peer}: ${timeAndRate(row, row.theirs)}` : '',
    ]
  })
  return [HEAD, HEAD.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n')
}

function valueText({ compare }, value) {
  if (compare === 'memory') return megabytes(value)
  if (compare === 'above') return `${value < 0 ? '−' : '+'}${duration(Math.abs(value))}`
  return `${value.toFixed(value < 10 ? 2 : 0)} ×`
}

function timeAndRate({ unit, by }, { seconds, rate }) {
  const time = by === 'cpu' ? `${duration(seconds)} of CPU time` : duration(seconds)
  return unit ? `${time}, ${counted(Math.round(rate), unit)}/s` : time
}

function duration(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}
