// One picture with curves over time, as SVG: drawn without a browser, so that a page needs none of the library and the documents
// get the same pictures. Called by page.ts and by whoever draws for the documents.
import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from 'echarts/components'
import { type EChartsCoreOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Instant } from '../ambient/clock.ts'

export interface Chart {
  readonly title: string
  readonly unit?: string
  readonly startsAt: Instant
  /** Between two values of a curve. */
  readonly spacingMs: number
  readonly curves: readonly Curve[]
  /** A line across, with its name. */
  readonly goal?: { readonly name: string; readonly value: number }
  /** Each ten times the one below: for what spans orders of magnitude. */
  readonly logarithmic?: boolean
}

export interface Curve {
  readonly name: string
  readonly values: readonly number[]
  /** Drawn as a filled area behind the others. */
  readonly isGround?: boolean
}

const [WIDTH, HEIGHT] = [1_080, 340]
/** More points than pixels nobody sees. */
const MOST_POINTS = 720
const colours = ['#0b6e4f', '#64b96a', '#d1495b', '#edae49', '#00798c', '#7a5195', '#8a8a8a']

export function svgOf(chart: Chart): string {
  use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer])
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  try {
    drawing.setOption(optionOf(chart))
    return drawing.renderToSVGString()
  } finally {
    drawing.dispose()
  }
}

const timeLabels = { day: '{d} {MMM}', hour: '{HH}:{mm}' }

const optionOf = ({
  title,
  unit,
  startsAt,
  spacingMs,
  curves,
  goal,
  logarithmic = false,
}: Chart): EChartsCoreOption => ({
  animation: false,
  backgroundColor: '#fff',
  color: colours,
  textStyle: { fontFamily: 'system-ui, sans-serif' },
  useUTC: true,
  title: { text: unit === undefined ? title : `${title}, ${unit}`, left: 0, top: 0, textStyle: { fontSize: 14 } },
  legend: { top: 26, left: 0, icon: 'roundRect', itemHeight: 4, itemGap: 16, textStyle: { fontSize: 11 } },
  grid: { left: 56, right: 16, top: 88, bottom: 28 },
  xAxis: { type: 'time', axisLabel: { formatter: timeLabels } },
  yAxis: { type: logarithmic ? 'log' : 'value' },
  series: curves.map(({ name, values, isGround = false }, index) => ({
    type: 'line',
    name,
    showSymbol: false,
    lineStyle: { width: isGround ? 0 : 1.2 },
    ...(isGround ? { areaStyle: { opacity: 0.25 }, z: 1, color: '#8a8a8a' } : {}),
    data: peaks(values, startsAt, spacingMs),
    ...(index === 0 && goal !== undefined ? { markLine: lineAcross(goal) } : {}),
  })),
})

const lineAcross = ({ name, value }: { readonly name: string; readonly value: number }): object => ({
  silent: true,
  symbol: 'none',
  lineStyle: { color: '#444', type: 'dashed' },
  label: { formatter: name, position: 'insideEndTop' },
  data: [{ yAxis: value }],
})

/** Of values that fall on one pixel the greatest: what was bad for a minute must not be smoothed away. */
function peaks(values: readonly number[], startsAt: Instant, spacingMs: number): [number, number][] {
  const width = Math.max(1, Math.ceil(values.length / MOST_POINTS))
  return Array.from({ length: Math.ceil(values.length / width) }, (_, index) => [
    startsAt + index * width * spacingMs,
    Math.round(Math.max(...values.slice(index * width, (index + 1) * width)) * 1_000) / 1_000,
  ])
}
