/** The end of a server: nothing in flight is lost, and nobody who holds a connection open keeps the process alive. */
import type { FastifyInstance } from 'fastify';

/** How often idle connections are looked for while the last requests finish. */
const sweepMilliseconds = 50;

/** Stops listening, closes idle connections as they become idle, and after `graceMilliseconds` all that are left. */
export async function closeGracefully(server: FastifyInstance, graceMilliseconds: number): Promise<void> {
  const sweep = setInterval(() => { server.server.closeIdleConnections(); }, sweepMilliseconds);
  const force = setTimeout(() => { server.server.closeAllConnections(); }, graceMilliseconds);
  try {
    await server.close();
  } finally {
    clearInterval(sweep);
    clearTimeout(force);
  }
}
