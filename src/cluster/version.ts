/** Which version an API server is. */
import { textAt } from '../model/json.ts';
import type { ApiServer } from './api-server.ts';
import { readJson } from './json-stream.ts';

/** Longest wait for the answer, and between two tries. */
const silenceMilliseconds = 10_000;

/** Asks until there is an answer or an abort. @returns the minor version, e.g. 35; 0 when it was aborted or names none. */
export async function askMinor(api: ApiServer, signal: AbortSignal): Promise<number> {
  while (!signal.aborted) {
    try {
      return minorOf(await readJson(await api.get('/version', { signal, silenceMilliseconds })));
    } catch {
      await pause(signal);
    }
  }
  return 0;
}

/** Managed clusters write `35+`. */
function minorOf(version: unknown): number {
  return Number.parseInt(textAt(version, 'minor') ?? '0', 10) || 0;
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, silenceMilliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
