import type { Proxy, Registry } from '../kernel/contracts.ts'

/** The page at `/services/`: what can be called here. */
export function servicesPage(registry: Registry, base: string): string {
  const rows = registry
    .names('proxy')
    .map(name => registry.find('proxy', name))
    .filter(proxy => proxy !== undefined)
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(proxy => row(proxy, base))
  const table =
    rows.length === 0
      ? '<p>No services are deployed. Put a proxy into the deployment folder and reload this page.</p>'
      : `<table><thead><tr><th>Service</th><th>Description</th><th>Transports</th><th>State</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>`
  return page('Services', `<h1>Services</h1>${table}`)
}

/** The page at `?info`. */
export function servicePage(proxy: Proxy, addresses: readonly string[]): string {
  const endpoints = addresses.map(address => `<li><code>${escaped(address)}</code></li>`).join('')
  return page(
    proxy.name,
    `<h1>${escaped(proxy.name)}</h1><p>${escaped(proxy.description ?? '')}</p><ul>${endpoints}</ul>` +
      `<p>${state(proxy)} · ${transports(proxy)} · <a href="?wsdl">WSDL</a></p>`,
  )
}

function row(proxy: Proxy, base: string): string {
  const address = `${base}/services/${encodeURIComponent(proxy.name)}`
  return (
    `<tr><td><a href="${escaped(address)}?info">${escaped(proxy.name)}</a></td><td>${escaped(proxy.description ?? '')}</td>` +
    `<td>${transports(proxy)}</td><td>${state(proxy)}</td><td><a href="${escaped(address)}?wsdl">WSDL</a></td></tr>`
  )
}

function transports(proxy: Proxy): string {
  return escaped(proxy.transports.length === 0 ? 'http https' : proxy.transports.join(' '))
}

function state(proxy: Proxy): string {
  return proxy.startOnLoad ? 'active' : 'not started'
}

function page(title: string, body: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${escaped(title)} · Holdfast</title><style>` +
    'body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}' +
    'table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884}' +
    `</style></head><body>${body}</body></html>`
  )
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
