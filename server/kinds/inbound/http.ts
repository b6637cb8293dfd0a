import { HttpPort } from '../../runtime/http-port.ts'
import { keyStore } from '../../runtime/key-store.ts'
import { defineInbound, int, oneOf, param, text, wholeRegex } from '../../schema/index.ts'

const POOL = 'There are no thread pools here.'

export default defineInbound({
  name: 'http',
  classes: ['http', 'https'],
  summary: 'Listens on a port of its own.',
  details: `
    A request runs the sequence, else \`main\`; an API with \`binds-to\` set to this endpoint comes first. With \`dispatch.filter.pattern\`, requests whose path matches it are for APIs and
    proxy services first, as on the ports of the server, and others for \`main\`. Answers follow the same rules as everywhere.
    \`https\` serves with the certificate of \`keystore\`, else with that of the server.`,
  fields: {
    port: param('inbound.http.port', int({ min: 0, max: 65_535 }), {
      required: true,
      doc: 'The port; 0: any free one.',
    }),
    pattern: param('dispatch.filter.pattern', wholeRegex(), { doc: 'Paths that are for APIs and proxy services.' }),
    core: param('inbound.worker.pool.size.core', int(), { doc: 'Threads.', ignored: POOL }),
    most: param('inbound.worker.pool.size.max', int(), { doc: 'Threads.', ignored: POOL }),
    keepAlive: param('inbound.worker.thread.keep.alive.sec', int(), { doc: 'Threads.', ignored: POOL }),
    queue: param('inbound.worker.pool.queue.length', int(), { doc: 'Threads.', ignored: POOL }),
    group: param('inbound.thread.group.id', text(), { doc: 'Threads.', ignored: POOL }),
    thread: param('inbound.thread.id', text(), { doc: 'Threads.', ignored: POOL }),
    keystore: param('keystore', keyStore('KeyStore'), {
      doc: 'Key and certificate of https: `<KeyStore><Location/><Type/><Password/></KeyStore>` with Type PKCS12 or PEM (key and certificates in one file). A relative location is below HOME. Absent: those of the server.',
    }),
    truststore: param('truststore', keyStore('TrustStore'), {
      doc: 'Whose certificates callers may show: `<TrustStore><Location/><Type>PEM</Type></TrustStore>`.',
    }),
    protocols: param('HttpsProtocols', text(), { doc: 'Versions of TLS.', ignored: 'TLS 1.2 and 1.3 are served.' }),
    profiles: param('SSLProtocol', text(), { doc: 'Versions of TLS.', ignored: 'TLS 1.2 and 1.3 are served.' }),
    clientCertificate: param('SSLVerifyClient', oneOf('none', 'optional', 'require'), {
      fallback: 'none',
      doc: 'Whether callers may or have to show a certificate of `truststore`.',
    }),
  },
  examples: [
    {
      title: 'Another port for one sequence',
      xml: `<inboundEndpoint name="side" protocol="http" sequence="main" onError="fault">
  <parameters><parameter name="inbound.http.port">8285</parameter></parameters>
</inboundEndpoint>`,
    },
    {
      title: 'Another port for some services, over TLS',
      xml: `<inboundEndpoint name="partners" protocol="https">
  <parameters>
    <parameter name="inbound.http.port">8285</parameter>
    <parameter name="dispatch.filter.pattern">/services/Partner.*</parameter>
  </parameters>
</inboundEndpoint>`,
    },
    {
      title: 'With a certificate of its own, for callers that show one',
      xml: `<inboundEndpoint name="partners" protocol="https" sequence="main">
  <parameters>
    <parameter name="inbound.http.port">8286</parameter>
    <parameter name="keystore"><KeyStore><Location>security/partners.p12</Location><Type>PKCS12</Type><Password>changeit</Password></KeyStore></parameter>
    <parameter name="truststore"><TrustStore><Location>security/partners-ca.pem</Location><Type>PEM</Type></TrustStore></parameter>
    <parameter name="SSLVerifyClient">require</parameter>
  </parameters>
</inboundEndpoint>`,
    },
  ],
  check({ clientCertificate, truststore }, site) {
    const place = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
    if (clientCertificate !== 'none' && truststore === undefined) {
      site.error(
        'missing',
        'to check certificates of callers there has to be parameter "truststore"',
        place('SSLVerifyClient'),
        'Add it with the PEM file of the authorities whose certificates are good, or write none.',
      )
    }
    if (truststore !== undefined && truststore.type !== 'PEM') {
      const { location } = truststore
      site.error(
        'not-supported',
        `the trust store ${location} has to be PEM`,
        place('truststore'),
        `Convert it: openssl pkcs12 -in ${location} -nokeys -out ${location.replace(/\.\w+$/, '')}.pem`,
      )
    }
  },
  create({ port, pattern, keystore, truststore, clientCertificate }, env) {
    const callers = truststore && { mustShow: clientCertificate === 'require', trusted: truststore }
    return new HttpPort({
      ...env,
      port: port!,
      pattern,
      secure: env.protocol === 'https',
      keyStore: keystore,
      ...(clientCertificate !== 'none' && { callers }),
    })
  },
})
