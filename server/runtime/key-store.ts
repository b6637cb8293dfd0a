import type { KeyStore } from '../schema/services.ts'
import type { ValueType } from '../schema/types.ts'
import { parseXml } from '../xml/reader.ts'
import { escapeText } from '../xml/writer.ts'
import type { XmlElement } from '../xml/tree.ts'

/**
 * A key store as WSO2 writes it: `<KeyStore><Location/><Type/><Password/><KeyPassword/></KeyStore>`, with PKCS12 or PEM in
 * the place of JKS. A text alone is its location.
 */
export function keyStore(tag: 'KeyStore' | 'TrustStore'): ValueType<KeyStore> {
  return {
    name: 'key store',
    expected: `<${tag}> with a <Location>`,
    xsd: 'xs:string',
    secret: true,
    parse(given) {
      const text = given.trim()
      if (!text.startsWith('<')) return checked({ location: text, type: typeOf(text) })
      let root: XmlElement
      try {
        root = parseXml(text).root
      } catch {
        return { problem: `expected <${tag}> with a <Location>` }
      }
      const part = (name: string): string | undefined => {
        const found = root.childElements.find(({ local }) => local === name)?.text.trim()
        return found === '' ? undefined : found
      }
      const location = part('Location')
      if (root.local !== tag || location === undefined) return { problem: `expected <${tag}> with a <Location>` }
      const password = part('Password')
      const keyPassword = part('KeyPassword')
      return checked({
        location,
        type: (part('Type') ?? typeOf(location)).toUpperCase(),
        ...(password !== undefined && { password }),
        ...(keyPassword !== undefined && { keyPassword }),
      })
    },
    print({ location, type, password, keyPassword }) {
      const part = (name: string, value: string | undefined): string =>
        value === undefined ? '' : `<${name}>${escapeText(value)}</${name}>`
      const inside = `${part('Location', location)}${part('Type', type)}${part('Password', password)}${part('KeyPassword', keyPassword)}`
      return `<${tag}>${inside}</${tag}>`
    },
  }
}

const TYPES: Readonly<Record<string, KeyStore['type']>> = { PKCS12: 'PKCS12', P12: 'PKCS12', PFX: 'PKCS12', PEM: 'PEM' }

function checked(
  store: Omit<KeyStore, 'type'> & { readonly type: string },
): { value: KeyStore } | { problem: string; hint: string } {
  const type = TYPES[store.type]
  if (type !== undefined) return { value: { ...store, type } }
  const target = store.location.replace(/\.\w+$/, '')
  return {
    problem: `a key store of type ${store.type} can be read by Java only`,
    hint: `Convert it: keytool -importkeystore -srckeystore ${store.location} -destkeystore ${target}.p12 -deststoretype PKCS12. Then name that, with <Type>PKCS12</Type>; or name a PEM file with key and certificates.`,
  }
}

function typeOf(location: string): string {
  const end = /\.(\w+)$/.exec(location)?.[1]?.toLowerCase() ?? ''
  if (end === 'pem' || end === 'crt' || end === 'cer') return 'PEM'
  return end === 'p12' || end === 'pfx' ? 'PKCS12' : 'JKS'
}
