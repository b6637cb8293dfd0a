import type { CorsSettings } from '../schema/services.ts'

export interface CorsVerdict {
  readonly allowed: boolean
  /** Headers of the answer, names and values alternating. */
  readonly headers: readonly string[]
}

/** What the answer to a request from `origin` says about who may call (synapse-language G.1, row "CORS"). */
export function corsVerdict(settings: CorsSettings, origin: string, methods: readonly string[]): CorsVerdict {
  const { origins, headers } = settings
  const any = origins.includes('*')
  const allowed = any || origins.includes(origin)
  const answer = ['Access-Control-Allow-Origin', any ? '*' : allowed ? origin : '']
  if (!any) answer.push('Vary', 'Origin')
  answer.push('Access-Control-Allow-Methods', methods.join(', '))
  if (headers !== '') answer.push('Access-Control-Allow-Headers', headers)
  return { allowed, headers: answer }
}
