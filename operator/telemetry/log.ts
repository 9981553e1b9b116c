// Structured logging: one JSON object a line on standard output. Everybody takes the small `Logger` below, so tests hand
// in a silent one and only main knows winston.
import type { Writable } from 'node:stream'
import winston from 'winston'
import type { Clock } from '../ambient/clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(msg: string, fields?: LogFields): void
  info(msg: string, fields?: LogFields): void
  warn(msg: string, fields?: LogFields): void
  error(msg: string, fields?: LogFields): void
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger
}

export interface RootLogger extends Logger {
  /** Resolves when every line is handed to the stream. Nothing may be logged afterwards. */
  flush(): Promise<void>
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}

/** Lines carry `ts`, `level`, `msg`, then the fields; an Error anywhere in them keeps its name, stack, fields and causes. */
export function createLogger(options: { level: LogLevel; clock: Clock; stream?: Writable }): RootLogger {
  const stream = options.stream ?? process.stdout
  const sink = winston.createLogger({
    level: options.level,
    format: winston.format.printf(line => renderLine(line, options.clock)),
    transports: [new winston.transports.Stream({ stream })],
  })
  const flush = async (): Promise<void> => {
    await new Promise<void>(resolve => {
      sink.once('finish', resolve)
      sink.end()
    })
    await new Promise<void>(resolve => stream.write('', () => resolve()))
  }
  return { ...loggerOn(sink, {}), flush }
}

function loggerOn(sink: winston.Logger, inherited: LogFields): Logger {
  const at = (level: LogLevel) => (msg: string, fields?: LogFields) => {
    // Fields travel in one property: winston itself treats names such as `message` in a spread object specially.
    if (sink.isLevelEnabled(level)) sink.log({ level, message: msg, fields: { ...inherited, ...fields } })
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: fields => loggerOn(sink, { ...inherited, ...fields }),
  }
}

function renderLine(line: winston.Logform.TransformableInfo, clock: Clock): string {
  const head = { ts: new Date(clock.wall()).toISOString(), level: line.level, msg: line.message }
  const fields = line['fields'] as LogFields
  try {
    return JSON.stringify({ ...head, ...fields }, serialisable)
  } catch (error) {
    // A cycle in somebody's object must not cost the line, let alone the process.
    return JSON.stringify({ ...head, fieldsLost: String(error) })
  }
}

function serialisable(_key: string, value: unknown): unknown {
  if (value instanceof Error) return serialiseError(value)
  return typeof value === 'bigint' ? value.toString() : value
}

const MAX_CAUSES = 8

/** An error as plain data: name, message, stack, its own fields (status, reason, code …) and the chain of causes. */
export function serialiseError(error: Error, depth = 0): Record<string, unknown> {
  const { name, message, stack, cause } = error
  return {
    ...Object.fromEntries(Object.entries(error)),
    name,
    message,
    stack,
    ...(cause === undefined ? {} : { cause: serialiseCause(cause, depth + 1) }),
  }
}

function serialiseCause(cause: unknown, depth: number): unknown {
  if (!(cause instanceof Error)) return cause
  return depth > MAX_CAUSES ? '…' : serialiseError(cause, depth)
}
