// `metav1.MicroTime`: the API server refuses one without exactly six fractional digits.
import type { Instant } from '../ambient/clock.ts'

export const toMicroTime = (at: Instant): string => `${new Date(at).toISOString().slice(0, -1)}000Z`
