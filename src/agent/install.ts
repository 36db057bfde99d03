/** Hooks into everything, each hook on its own: one that cannot be placed leaves the others. */
import { attempt } from './context.ts';
import type { Config } from './config.ts';
import { hookGrpc } from './grpc.ts';
import { hookHttp2Clients } from './http2-client.ts';
import { hookHttpClients } from './http-client.ts';
import { hookServers } from './inbound.ts';
import { hookModules } from './modules.ts';
import { hookQueues } from './queues.ts';
import { createUndiciHook } from './undici.ts';

/** Hooks the process. Call once. */
export function install(config: Config): void {
  const { isInside } = config;
  const scoped: Config = config.isDebugged ? { ...config, isInside: (host) => say(host, isInside(host)) } : config;
  attempt(() => { hookServers(scoped); });
  attempt(() => { hookHttpClients(scoped); });
  attempt(() => { hookHttp2Clients(scoped); });
  const hookUndici = attempt(() => createUndiciHook(scoped));
  attempt(() => {
    hookModules((request, exports, load) => {
      if (/undici/.test(request)) hookUndici?.(exports);
      if (/(?:^|[\\/])client(?:\.js)?$/.test(request)) hookGrpc(exports, scoped, load);
      if (/kafkajs|_model(?:\.js)?$/.test(request)) hookQueues(exports, scoped);
    });
  });
}

/** Names and decisions, never values: they may be secret. Written at once, past whatever the application made of its streams. */
function say(host: unknown, isInside: boolean): boolean {
  (process as unknown as { _rawDebug: (text: string) => void })._rawDebug(`branchline agent: ${String(host)} is ${isInside ? 'inside' : 'outside'}`);
  return isInside;
}
