/** The end of a server: nothing in flight is lost, and nobody who holds a connection open keeps the process alive. */
import type { Server } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** The connections of one server. */
export interface Connections {
  /**
   * Stops listening; closes connections as they become idle, and after `graceMilliseconds` all that are left. A connection that was made a
   * moment ago is left the time to send its first request. Resolves when none is left.
   */
  close(graceMilliseconds: number): Promise<void>;
}

/** How often idle connections are looked for while the last requests finish. */
const sweepMilliseconds = 25;
/** Whoever has just connected sends its request within this time, on a network where it will be answered in time. */
const freshMilliseconds = 300;
/** Turns of the event loop in which the last connections are accepted before listening ends. */
const acceptTurnsMax = 100;

/** Follows the connections of a TLS server from now on. */
export function followConnections(server: Server, now: () => number): Connections {
  const open = new Set<Socket>();
  /** Connections without a request so far, also those still in their handshake, by the address of the other end. Node takes them for busy. */
  const silent = new Map<string, Socket>();
  let newest = Number.NEGATIVE_INFINITY;
  let accepted = 0;

  server.on('connection', (socket: Socket) => {
    const end = otherEnd(socket);
    newest = now();
    accepted += 1;
    open.add(socket);
    silent.set(end, socket);
    socket.once('close', () => {
      open.delete(socket);
      if (silent.get(end) === socket) silent.delete(end);
    });
  });
  server.on('request', (request) => {
    if (silent.size > 0) silent.delete(otherEnd(request.socket));
  });

  function sweep(): void {
    if (now() - newest < freshMilliseconds) return;
    server.closeIdleConnections();
    for (const socket of silent.values()) socket.destroy();
  }

  /** What the kernel has connected and we have not accepted would be reset: listen until a whole turn brings nobody new. */
  async function acceptLast(): Promise<void> {
    let seen = Number.NaN;
    for (let turn = 0; turn < acceptTurnsMax && seen !== accepted; turn += 1) {
      seen = accepted;
      await setImmediate();
    }
  }

  return {
    async close(graceMilliseconds) {
      await acceptLast();
      if (!server.listening) return;
      // Not the server's own close(): that one also closes idle connections at once, under the feet of whoever has just connected.
      const closed = new Promise<void>((resolve) => {
        NetServer.prototype.close.call(server, () => {
          resolve();
        });
      });
      sweep();
      const sweeping = setInterval(sweep, sweepMilliseconds);
      const force = setTimeout(() => {
        for (const socket of open) socket.destroy();
      }, graceMilliseconds);
      await closed;
      clearInterval(sweeping);
      clearTimeout(force);
    },
  };
}

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}
