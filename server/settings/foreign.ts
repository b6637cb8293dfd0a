/** What a WSO2 MI `deployment.toml` may contain that has no effect here, so that such a file is taken as it is. */

/** First names of sections. */
export const foreignSections: ReadonlySet<string> = new Set([
  'analytics',
  'authorization_manager',
  'cluster_config',
  'dashboard_config',
  'encryption',
  'external_vault',
  'icp_config',
  'internal_apis',
  'keystore',
  'liveness_probe',
  'management_api',
  'mediation',
  'message_builders',
  'message_formatters',
  'metric_handler',
  'monitoring',
  'opentelemetry',
  'prometheus_api',
  'readiness_probe',
  'realm_manager',
  'secrets',
  'server_conf',
  'super_admin',
  'synapse_handlers',
  'synapse_properties',
  'system',
  'task_handling',
  'task_resolver',
  'transport',
  'truststore',
  'user_access',
  'user_store',
])

/** Keys of sections we share with it. */
const foreignKeys: ReadonlySet<string> = new Set([
  'server.enable_mtom',
  'server.enable_swa',
  'server.graceful_shutdown_enabled',
  'server.proxy_context_path',
  'server.serverDetails',
  'server.synapse_config_file_path',
  'server.userAgent',
])

/** Sections that are read on behalf of others, by substitution, and need no notice. */
const quiet = ['secrets.', 'system.parameter.']

export function isForeign(key: string): boolean {
  const first = key.split('.', 1)[0]!
  return (
    foreignSections.has(first) ||
    first.startsWith('custom_') ||
    foreignKeys.has(key) ||
    key.startsWith('server.get_request_processor.')
  )
}

export function needsNoNotice(key: string): boolean {
  return quiet.some(prefix => key.startsWith(prefix))
}
