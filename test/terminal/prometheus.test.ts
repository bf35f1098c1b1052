// The text that a Prometheus server reads.
import { expect, test } from 'vitest'
import { renderMetrics } from '../../src/terminal/prometheus.js'

test('renders gauges with escaped labels, and leaves out gauges without samples', () => {
  const labelled = [
    { labels: { x: '1', y: 'two' }, value: 3 },
    { labels: { x: 'a "b"\\c\nd' }, value: 4 },
  ]
  const text = renderMetrics([
    { name: 'a', help: 'A.', samples: [{ labels: {}, value: 0.5 }] },
    { name: 'b', help: 'B.', samples: [] },
    { name: 'c', help: 'C.', samples: labelled },
  ])
  expect(text).toBe(
    [
      ...['# HELP a A.', '# TYPE a gauge', 'a 0.5', '# HELP c C.', '# TYPE c gauge'],
      ...['c{x="1",y="two"} 3', 'c{x="a \\"b\\"\\\\c\\nd"} 4'],
    ].join('\n'),
  )
})
