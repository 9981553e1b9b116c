// All kinds, for those that walk them: the CRD generator, the API reference, the typed clients.
import type { Kind } from './kind.ts'
import { RTCAutoscalerKind } from './rtcautoscaler.ts'
import { RTCNodeKind } from './rtcnode.ts'
import { RTCNodeClassKind } from './rtcnodeclass.ts'
import { RTCNodePoolKind } from './rtcnodepool.ts'

export const kinds: readonly Kind[] = [RTCNodePoolKind, RTCAutoscalerKind, RTCNodeKind, RTCNodeClassKind]
