// Order between resource versions of one kind. Since Kubernetes 1.35 they are promised to be decimal numbers that grow
// with every change; where a server does not keep to that, the answer is "unknown" and callers must do without.

const DECIMAL = /^(?:0|[1-9][0-9]*)$/

/** Negative: `a` is older; zero: the same; positive: `a` is newer; undefined: they cannot be compared. */
export function compareVersions(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return undefined
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}
