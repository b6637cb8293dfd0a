/** An authority of our own and what it signs, by openssl: PEM for Node and RabbitMQ, PKCS #12 for Java. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { command, isInstalled, need } from './commands.ts'

export interface Certificates extends AsyncDisposable {
  /** PEM of the authority. */
  readonly ca: string
  /** PEM, for localhost and 127.0.0.1. */
  readonly certificate: string
  readonly key: string
  /** PKCS #12 of certificate and key, for the server. */
  readonly keyStore: string
  /** PKCS #12 with the authority, as Java wants it. */
  readonly trustStore: string
  /** PEM and PKCS #12 of a client that the authority vouches for. */
  readonly client: { readonly certificate: string; readonly key: string; readonly keyStore: string }
  /** Of the PKCS #12 files. */
  readonly password: string
}

const PASSWORD = 'for-this-test-only'

export async function makeCertificates(): Promise<Certificates> {
  need('openssl', 'OpenSSL')
  const folder = await tempFolder('certificates')
  const at = (name: string): string => join(folder.path, name)
  const openssl = (words: string): Promise<string> => command('openssl', words.split(' '), { cwd: folder.path })
  const signed = async (name: string, subject: string): Promise<void> => {
    await openssl(`req -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.csr -subj ${subject}`)
    await writeFile(at(`${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n')
    const authority = '-CA ca.pem -CAkey ca.key -CAcreateserial'
    await openssl(`x509 -req -in ${name}.csr ${authority} -days 2 -extfile ${name}.ext -out ${name}.pem`)
    const bundle = `-in ${name}.pem -inkey ${name}.key -certfile ca.pem -name ${name}`
    await openssl(`pkcs12 -export ${bundle} -passout pass:${PASSWORD} -out ${name}.p12`)
  }
  try {
    await openssl(
      'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=holdfast-test-authority -keyout ca.key -out ca.pem',
    )
    await signed('server', '/CN=localhost')
    await signed('client', '/CN=client')
    const keytool = `-importcert -noprompt -alias ca -file ca.pem -keystore trust.p12 -storetype PKCS12 -storepass ${PASSWORD}`
    if (isInstalled('keytool')) await command('keytool', keytool.split(' '), { cwd: folder.path })
  } catch (thrown) {
    await folder[Symbol.asyncDispose]()
    throw thrown
  }
  return {
    ca: at('ca.pem'),
    certificate: at('server.pem'),
    key: at('server.key'),
    keyStore: at('server.p12'),
    trustStore: at('trust.p12'),
    client: { certificate: at('client.pem'), key: at('client.key'), keyStore: at('client.p12') },
    password: PASSWORD,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
