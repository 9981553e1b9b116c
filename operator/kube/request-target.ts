// What a request to the API server is about, in the words of RBAC: verb and resource. Pure. Asked by the transport, which counts
// its calls by them.

export interface RequestTarget {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'
  /** `pods`, `rtcnodes/status`; `other` for what is no resource. */
  readonly resource: string
}

const verbs = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const

/** `/api/v1/…` and `/apis/<group>/<version>/…`, with or without a namespace, then resource, name and subresource. */
const resourcePath =
  /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/(?=[^/?]))?(?<plural>[^/?]+)(?:\/(?<name>[^/?]+))?(?:\/(?<part>[^/?]+))?/

export function targetOf(method: keyof typeof verbs | 'GET', path: string): RequestTarget {
  const { plural, name, part } = resourcePath.exec(path)?.groups ?? {}
  const resource = plural === undefined ? 'other' : part === undefined ? plural : `${plural}/${part}`
  if (method !== 'GET') return { verb: verbs[method], resource }
  if (/[?&]watch=true/.test(path)) return { verb: 'watch', resource }
  return { verb: plural !== undefined && name === undefined ? 'list' : 'get', resource }
}
