// Loaded before every unit test: properties are tried with one seed, so that a run that fails is about what was changed.
// SEED=n looks elsewhere.
import * as fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 1) })
