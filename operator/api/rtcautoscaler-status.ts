// What an RTCAutoscaler tells: the number, the terms it comes from, and what was learned. See rtcautoscaler.ts.
import { z } from 'zod'
import { conditionsSchema, timestamp } from './meta.ts'

const figure = (description: string) => z.number().describe(description)
const count = (description: string) => z.int().min(0).describe(description)

/** The terms of one decision: with the formula in docs/scaling.md anybody can work it out again. */
const termsSchema = z.object({
  demand: figure('Load of all nodes, in units (forwarded streams where the SFU tells them).').optional(),
  draining: figure('The part of it on nodes that take no new rooms.').optional(),
  forecast: figure('Demand that is prepared for, in units; never less than demand.').optional(),
  forecastBy: z
    .enum(['now', 'trend', 'hour', 'day'])
    .optional()
    .describe('What it comes from: load now, its slope, the minute of the hour, the minute of the day.'),
  capacity: figure('Units a node bears at pressure 1, learned.').optional(),
  safePressure: figure('The mean pressure that nodes may have: trim × knee − margin.').optional(),
  knee: figure('The pressure at which the goal is just met, learned.').optional(),
  trim: figure('Factor below 1 while too many joins are late.').optional(),
  margin: figure('How far below that the mean must stay, because nodes differ.').optional(),
  warm: count('Spare nodes.').optional(),
  needed: count('Replicas by the formula, before any limit.').optional(),
})
export type Terms = z.infer<typeof termsSchema>

const decisionSchema = z.object({
  at: timestamp.describe('When replicas were changed, or would have been.'),
  from: count('Replicas before.'),
  to: count('Replicas after.'),
  why: z.string().max(512).describe('In one line: where the number comes from.'),
  limits: z.array(z.string().max(64)).max(16).describe('What kept the number from being another.'),
  terms: termsSchema.describe('The terms of the formula.'),
})

const leadTimeSchema = z.object({
  warmSeconds: figure(
    'From the wish until a node takes rooms, nine times in ten, when a host has room; in seconds.',
  ).optional(),
  coldSeconds: figure('The same when a host must be made first; in seconds.').optional(),
})

const forecastSchema = z.object({
  demand: figure('Demand that it expects, in units.'),
  counts: z.boolean().describe('It has been right often enough. Hour and day also need spec.forecast.mode Apply.'),
  errorPercent: figure('How far it has been off lately, percent of demand.').optional(),
})

export const rtcAutoscalerStatusSchema = z
  .object({
    observedGeneration: count('The metadata.generation this status was judged against.').optional(),
    currentReplicas: count('Replicas of the pool now.').optional(),
    desiredReplicas: count('Replicas that are wanted, within all limits.').optional(),
    recommendedReplicas: count('Replicas by the formula, before limits.').optional(),
    pressure: figure('Mean pressure of the nodes that take rooms; 1 is full.').optional(),
    latency: z
      .string()
      .max(64)
      .optional()
      .describe('The worst quality figure against its goal, for example "820/1500ms".'),
    joinLatencyP99Ms: figure('99th percentile of the time to join over the pool, milliseconds.').optional(),
    freshPercent: figure('Share of the pool that reports, by capacity, percent.').optional(),
    terms: termsSchema
      .optional()
      .describe('The terms of the formula as they are now; written when they move, at most every 30 s.'),
    forecastErrorPercent: figure('How far the forecast has been off lately, percent of demand.').optional(),
    forecasts: z
      .object({
        trend: forecastSchema.describe('By its slope.'),
        hour: forecastSchema.describe('By what the minute of the hour has brought before.'),
        day: forecastSchema.describe('By what the minute of the day has brought before.'),
      })
      .optional()
      .describe('What each way to tell it says of the demand until a new node takes rooms.'),
    leadTime: leadTimeSchema.optional().describe('Measured from the wish for a node until it takes rooms.'),
    lastDecision: decisionSchema.optional().describe('The last change.'),
    lastScaleTime: timestamp.optional().describe('When replicas were last changed.'),
    learned: z
      .object({
        version: count('Form of data.'),
        at: timestamp.describe('When it was written; at most every ten minutes.'),
        data: z
          .string()
          .max(16_384)
          .describe('What was learned about load and latency, compact, so that it survives a restart.'),
      })
      .optional()
      .describe('What was learned; removing it begins anew.'),
    conditions: conditionsSchema.optional(),
  })
  .describe('How this autoscaler is; written by the operator only.')
export type RTCAutoscalerStatus = z.infer<typeof rtcAutoscalerStatusSchema>
