// What a host tells of itself that makes a difference to a pool, besides that it goes: where it stands.
import type { Host } from '../api/core.ts'
import { ZONE_LABEL } from '../api/pod-parts.ts'

export const zoneOf = (host: Host): string | undefined => host.metadata.labels?.[ZONE_LABEL]
