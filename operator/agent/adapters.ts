// The SFUs this agent knows, by the name an RTCNodeClass uses. A new SFU is one row.
import type { AdapterDeps, SfuAccess, SfuAdapter } from './adapter.ts'
import { livekitAdapter } from './livekit/livekit.ts'

export const adapters = {
  livekit: livekitAdapter,
} satisfies Record<string, (access: SfuAccess, deps: AdapterDeps) => SfuAdapter>

export type AdapterName = keyof typeof adapters
