import type { Identity } from './identity.ts'
import { OpenWireLive } from './live.ts'
import { newConnectionId, openChannel } from './open-channel.ts'
import type { Opened, Way } from './open-channel.ts'

/** Opens a connection by OpenWire: both sides greet, whoever is first. */
export async function dialOpenWire(way: Way, identity: Identity, opened?: Opened): Promise<OpenWireLive> {
  const channel = await openChannel(way, newConnectionId(), opened && { opened })
  return new OpenWireLive(way, channel, identity)
}
