// Where the node is: address and region, told by the environment or, once its host is known, by the pod's annotations
// through a downward API volume. Asked by the loop for every heartbeat.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Place {
  readonly address?: string
  readonly region?: string
}

/** Reads the file again each time, until both are known. */
export function placeReader({ address, region, podInfoDir }: Place & { readonly podInfoDir?: string }): () => Place {
  let place: Place = { ...(address !== undefined && { address }), ...(region !== undefined && { region }) }
  return () => {
    const isComplete = place.address !== undefined && place.region !== undefined
    if (podInfoDir !== undefined && !isComplete) place = { ...fromAnnotations(podInfoDir), ...place }
    return place
  }
}

function fromAnnotations(podInfoDir: string): Place {
  const annotations = parseAnnotations(readIfThere(join(podInfoDir, 'annotations')))
  const address = annotations.get('rtcnode.io/address')
  const region = annotations.get('rtcnode.io/region')
  return { ...(address && { address }), ...(region && { region }) }
}

/** Lines of `key="value"`, the value quoted as in Go, which for addresses and regions is as in JSON. */
export function parseAnnotations(text: string): Map<string, string> {
  const lines = [...text.matchAll(/^([^=\n]+)=("(?:[^"\\]|\\.)*")$/gm)]
  return new Map(lines.map(([, key = '', quoted = '']) => [key, unquote(quoted)]))
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted.slice(1, -1)
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
