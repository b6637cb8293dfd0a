/** How artifacts are read: what they may name, and what is put in place of what they write. */
import { join } from 'node:path'
import { messageViews } from '../codecs/views.ts'
import { placeholders } from '../deploy/placeholders.ts'
import { Resources } from '../deploy/resources.ts'
import { expressionCompiler } from '../expr/expression.ts'
import type { Clock } from '../kernel/clock.ts'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import { kinds } from '../kinds/all.ts'
import { Catalog } from '../schema/catalog.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import type { Extensions } from '../schema/services.ts'
import type { Settings } from '../settings/fields.ts'

/** What decoding artifacts needs; shared with `holdfast check`. */
export function decodeEnv(
  home: string,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  resources = new Resources(home),
  extensions?: Pick<Extensions, 'find'>,
  connectionFactories = ConnectionFactories.none,
): DecodeEnv {
  const resource = (key: string): string | undefined => {
    const found = resources.read(key)
    return found && Buffer.from(found.bytes).toString('utf8')
  }
  const substitute = placeholders(home, env)
  const compile = expressionCompiler({
    views: messageViews,
    clock,
    resource,
    resourceProperty: (key, name) => resources.property(key, name),
    environmentVariable: name => env[name],
    config(name) {
      const found = substitute(`\${configs.${name}}`)
      if ('value' in found) return found.value
      if (found.failure) throw found.failure
      return undefined
    },
  })
  const hasExtension = (className: string): boolean => extensions?.find(className) !== undefined
  return { catalog: new Catalog(kinds), compile, substitute, resource, hasExtension, connectionFactories }
}

/** Brokers that the settings give names to. */
export function connectionFactoriesOf({ transport }: Settings): ConnectionFactories {
  return new ConnectionFactories({
    'jms.listener': transport.jmsListeners,
    'jms.sender': transport.jmsSenders,
    'rabbitmq.listener': transport.rabbitListeners,
    'rabbitmq.sender': transport.rabbitSenders,
  })
}

/** Where modules in the place of Java classes are looked for: in the home, and beside the artifacts. */
export function extensionFolders(
  home: string,
  artifacts: readonly string[],
  more: readonly string[],
): readonly string[] {
  return [...new Set([join(home, 'extensions'), ...artifacts.map(folder => join(folder, 'extensions')), ...more])]
}
