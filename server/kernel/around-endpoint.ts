import type { Endpoint, EndpointLayer } from './contracts.ts'

/** The same endpoint with `layer` around each of its sends. */
export function aroundEndpoint(endpoint: Endpoint, layer: EndpointLayer): Endpoint {
  const { name, status, wsdlLocation, members } = endpoint
  return {
    name,
    ...(status && { status }),
    ...(wsdlLocation !== undefined && { wsdlLocation }),
    ...(members && { members }),
    ...(endpoint.readyAt && { readyAt: ctx => endpoint.readyAt!(ctx) }),
    ...(endpoint.recipients && {
      recipients: ctx => endpoint.recipients!(ctx)?.map(recipient => aroundEndpoint(recipient, layer)),
    }),
    ...(endpoint.mayTryElsewhere && { mayTryElsewhere: error => endpoint.mayTryElsewhere!(error) }),
    send: layer((request, ctx, options) => endpoint.send(request, ctx, options)),
  }
}
