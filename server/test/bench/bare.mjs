// What Holdfast is measured beside: `bare.mjs MODE PORT [BACKEND]`.
//   empty     a Node process that does nothing
//   fastify   a fastify server with one route
//   backend   a back end: 200 with a short body at /pass, 202 at /counted, the count of those at /count
import http from 'node:http'

const [mode, port] = process.argv.slice(2)
if (mode === 'empty') {
  console.log('up')
  setInterval(() => {}, 1 << 30)
} else if (mode === 'fastify') {
  const { default: fastify } = await import('fastify')
  const app = fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/services/Pass', (_request, reply) => reply.type('text/xml').send('<answer/>'))
  await app.listen({ port: Number(port), host: '127.0.0.1' })
} else {
  const body = Buffer.from('<answer/>'.padEnd(500))
  let counted = 0
  http
    .createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      request.resume().once('end', () => {
        if (request.url === '/count') response.end(String(counted))
        else if (request.url === '/counted') {
          counted++
          response.writeHead(202, { 'content-length': 0 }).end()
        } else response.writeHead(200, { 'content-type': 'text/xml', 'content-length': body.length }).end(body)
      })
    })
    .listen(Number(port), '127.0.0.1')
}
