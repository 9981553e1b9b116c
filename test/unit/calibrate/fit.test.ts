import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { double, assert as holds, property, tuple } from 'fast-check'
import { fitLine, type Row, valueAt } from '../../calibrate/fit.ts'

const near = (actual: number | undefined, expected: number, what: string): void =>
  assert.ok(
    Math.abs((actual ?? NaN) - expected) < 1e-6 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  )

suite('a line through measurements', () => {
  test('whatever costs there are, they are found again where nothing disturbs', () => {
    const cost = double({ min: 0, max: 100, noNaN: true })
    holds(
      property(tuple(cost, cost, cost), factors => {
        const xs = [
          [1, 0, 0],
          [1, 3, 9],
          [1, 6, 36],
          [1, 9, 20],
          [1, 2, 40],
        ]
        const { factors: found, fit } = fitLine(xs.map(x => ({ x, y: valueAt(factors, x), weight: 1 })))
        for (const [i, factor] of factors.entries()) near(found[i], factor, `factor ${i}`)
        near(fit.rmse, 0, 'error')
      }),
    )
  })

  test('nothing costs less than nothing: a factor that would, is 0, and the others are fitted without it', () => {
    const rows: Row[] = [0, 1, 2, 3].map(x => ({ x: [1, x], y: 10 - x, weight: 1 }))
    const { factors } = fitLine(rows)
    near(factors[0], 8.5, 'constant')
    assert.equal(factors[1], 0)
  })

  test('what counts more draws the line to itself', () => {
    const rows: Row[] = [
      { x: [1], y: 0, weight: 1 },
      { x: [1], y: 10, weight: 9 },
    ]
    near(fitLine(rows).factors[0], 9, 'constant')
  })

  test('a column that says the same as another does not spoil the fit', () => {
    const rows: Row[] = [1, 2, 3].map(x => ({ x: [x, 2 * x], y: 4 * x, weight: 1 }))
    const { factors } = fitLine(rows)
    for (const x of [1, 2, 3]) near(valueAt(factors, [x, 2 * x]), 4 * x, `value at ${x}`)
  })

  test('the goodness says when a line explains nothing', () => {
    const noise = [5, -5, 5, -5].map((y, x) => ({ x: [1, x], y: 100 + y, weight: 1 }))
    assert.ok(fitLine(noise).fit.r2 < 0.3)
    const exact = [0, 1, 2].map(x => ({ x: [1, x], y: 1 + x, weight: 1 }))
    near(fitLine(exact).fit.r2, 1, 'r2')
  })
})
