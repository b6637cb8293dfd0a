import type { ConnectionFactories } from '../../kernel/connection-factories.ts'
import { nearest } from '../../kernel/nearest.ts'
import type { Remark } from '../remarks.ts'

const FACTORY = 'transport.jms.ConnectionFactory'

/**
 * The parameters of a `jms:/…` address, and those of the connection factory it names where they are not written. `remark`:
 * there is no such factory.
 */
export function withFactory(
  written: ReadonlyMap<string, string>,
  factories: ConnectionFactories,
): { readonly all: ReadonlyMap<string, string>; readonly remark?: Remark } {
  const name = written.get(FACTORY)?.trim()
  if (name === undefined || name === '') return { all: written }
  const found = factories.find('jms.sender', name)
  if (found) return { all: new Map([...found, ...written]) }
  const near = nearest(name, factories.names('jms.sender'))
  return {
    all: written,
    remark: {
      code: 'connection-factory-unknown',
      severity: 'error',
      message: `there is no connection factory "${name}" in deployment.toml`,
      hint: `${near === undefined ? '' : `Did you mean "${near}"? `}Add [[transport.jms.sender]] with name = "${name}" there, or give java.naming.provider.url in the address`,
    },
  }
}
