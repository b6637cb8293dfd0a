import { refusals } from './refusal.ts'
import type { Refusal } from './refusal.ts'

/** What a peer's attach says about one end of its link. */
export interface RequestedTerminus {
  readonly address?: string | null
  readonly dynamic?: boolean
  readonly distribution_mode?: string
  readonly capabilities?: string | readonly string[] | null
  readonly filter?: Readonly<Record<string, unknown>> | null
}

/** The queue a terminus asks for, without the prefix some clients write; or why it cannot be had. */
export function queueNameOf(terminus: RequestedTerminus): string | Refusal {
  const address = terminus.address ?? ''
  if (address === '') return refusals.noAddress
  if (/^(?:topic|temp-topic|multicast):\/\//.test(address) || capabilitiesOf(terminus).some(isTopic))
    return refusals.topic(address)
  if (terminus.filter && Object.keys(terminus.filter).length > 0) return refusals.selector(address)
  const name = address.replace(/^(?:queue|temp-queue|anycast):\/\//, '')
  if (name === '' || name.length > 255 || /\p{Cc}/u.test(name)) return refusals.badName(address)
  return name
}

function isTopic(capability: string): boolean {
  return capability === 'topic' || capability === 'temporary-topic' || capability === 'multicast'
}

function capabilitiesOf({ capabilities }: RequestedTerminus): readonly string[] {
  if (!capabilities) return []
  return typeof capabilities === 'string' ? [capabilities] : capabilities
}
