// The normal distribution, as far as the simulator needs it: shares and quantiles. Pure.

/**
 * Share of a standard normal above `z`. Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17: wrong by less
 * than 7.5e-8.
 */
export function normalShareAbove(z: number): number {
  if (z < 0) return 1 - normalShareAbove(-z)
  const t = 1 / (1 + 0.2316419 * z)
  const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum
}

/** The value that a share `share` of a standard normal does not exceed: Newton's method on the share above. */
export function normalQuantile(share: number): number {
  if (share < 0.5) return -normalQuantile(1 - share)
  let z = 0
  for (let step = 0; step < 40; step += 1) {
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
    const change = (normalShareAbove(z) - (1 - share)) / density
    z += Math.min(1, change)
    if (Math.abs(change) < 1e-9) break
  }
  return z
}
