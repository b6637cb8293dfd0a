import type { HttpClient } from '../drivers/http/client.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { Documents } from '../schema/services.ts'

/** How long a document may take: deploying waits for it. */
const PATIENCE_MS = 10_000

export interface DocumentSettings {
  /** Registry resources and files of the home. */
  readonly resources: { read(key: string): { readonly bytes: Uint8Array } | undefined }
  /** Bytes a document may have. */
  readonly limit: number
}

/** Reads WSDLs and the like from wherever an artifact says they are. */
export function documentReader(client: HttpClient, { resources, limit }: DocumentSettings): Documents {
  return {
    async read(uri) {
      if (!/^https?:/i.test(uri)) {
        const found = resources.read(uri.includes(':') || uri.startsWith('/_system/') ? uri : `file:${uri}`)
        if (found) return found.bytes
        throw new IntegrationError('ENTRY_UNKNOWN', `there is no file or registry resource "${uri}"`)
      }
      const reply = await client.request({
        url: uri,
        method: 'GET',
        headers: ['Accept', '*/*'],
        body: null,
        timeoutMs: PATIENCE_MS,
      })
      const bytes = await collected(reply.body, limit)
      if (reply.status === 200) return bytes
      throw new IntegrationError('TRANSPORT_ERROR', `${uri} was answered with status ${reply.status}`)
    },
  }
}

async function collected(body: Uint8Array | AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new IntegrationError('BODY_TOO_LARGE', `the document is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
