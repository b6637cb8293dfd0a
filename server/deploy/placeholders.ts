/** Values written as `$SYSTEM:NAME`, `$FILE:key` or `${configs.key}` in artifacts (synapse-language B.3). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asIntegrationError, type IntegrationError } from '../kernel/errors.ts'
import { ifThere } from './if-there.ts'
import { readProperties } from './properties-text.ts'

type Substituted =
  | { readonly value: string }
  /** `failure`: a file is there and cannot be read. */
  | { readonly problem: string; readonly failure?: IntegrationError }

/** Replaces a value that begins with a placeholder. As in Synapse only the first is replaced and the rest dropped. */
export function placeholders(home: string, env: NodeJS.ProcessEnv): (text: string) => Substituted {
  const fileProperties = lazyProperties(join(home, 'conf', 'file.properties'))
  const configProperties = lazyProperties(join(home, 'conf', 'config.properties'))
  const looked = (text: string): Substituted => {
    const system = /^\$SYSTEM:([\w.-]+)/.exec(text)
    if (system) return found(env[system[1]!], `the environment variable ${system[1]!} is not set`)
    const file = /^\$FILE:([\w.-]+)/.exec(text)
    if (file) return found(fileProperties(file[1]!), `conf/file.properties has no "${file[1]!}"`)
    const config = /^\$\{configs\.([\w.-]+)\}/.exec(text)
    if (config) {
      const key = config[1]!
      return found(env[key] ?? configProperties(key), `neither the environment nor conf/config.properties has "${key}"`)
    }
    return { value: text }
  }
  return text => {
    try {
      return looked(text)
    } catch (thrown) {
      const failure = asIntegrationError(thrown)
      return { problem: failure.message, failure }
    }
  }
}

function found(value: string | undefined, problem: string): Substituted {
  return value === undefined ? { problem } : { value }
}

/** Java-style `key=value` lines, read when first asked for; what cannot be read is tried again the next time. */
function lazyProperties(path: string): (key: string) => string | undefined {
  let read: Map<string, string> | undefined
  return key => {
    read ??= properties(path)
    return read.get(key)
  }
}

function properties(path: string): Map<string, string> {
  return ifThere(path, () => readProperties(readFileSync(path, 'utf8'))) ?? new Map()
}
