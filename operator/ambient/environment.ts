// The process environment, read once by the configuration and never elsewhere.

export const environment = (): Readonly<Record<string, string | undefined>> => process.env
