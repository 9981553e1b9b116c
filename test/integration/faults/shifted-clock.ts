// Preloaded into an operator (`node --import`): its wall clock is wrong by CLOCK_SHIFT_MS, its timers and the monotonic
// clock are not. Shifts what Date tells of now, and nothing else.
const shiftMs = Number(process.env['CLOCK_SHIFT_MS'] ?? 0)
const RealDate = Date

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + shiftMs)
    else super(...(given as [string]))
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
}

globalThis.Date = ShiftedDate as DateConstructor
