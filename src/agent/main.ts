/**
 * The header agent: preloaded (`--require`) into other people's Node processes, it carries routing and tracing headers from each inbound request
 * to the in-cluster calls made for it. Built to one CommonJS file. Never throws, prints nothing unless asked, keeps no process alive, changes no
 * object of a caller's. What it cannot carry with certainty it does not carry: a lost header reaches the baseline, a wrong one somebody else's branch.
 */
import { readConfig } from './config.ts';
import { install } from './install.ts';

const mark = Symbol.for('branchline.agent');
const world = globalThis as unknown as Record<symbol, unknown>;

try {
  if (!world[mark] && hasAsyncLocalStorage(process.versions.node)) {
    const config = readConfig(process.env);
    const status = { version: 1, active: !!config };
    world[mark] = status;
    if (config) install(config);
  }
} catch {
  // Whatever it was, the application must start.
}

/** Node 16.17 and newer; nothing newer than that may be used before this is known. */
function hasAsyncLocalStorage(version: string): boolean {
  return parseFloat(version) >= 16.17 && !/^16\.\d\./.test(version);
}
