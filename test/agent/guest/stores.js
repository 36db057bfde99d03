// Databases that answer over few connections to callers of many: whoever waits for an answer must be on behalf of the same request after it. The
// servers know no more than these clients ask.
import http from 'node:http';
import net from 'node:net';
import { listen, textOf } from './downstream.js';

const ask = (url) =>
  new Promise((resolve, reject) => {
    http
      .get(url, (response) => {
        textOf(response).then((text) => {
          resolve(JSON.parse(text));
        }, reject);
      })
      .on('error', reject);
  });

/** Says OK to every command of Redis, a little late. */
function startRedis() {
  return listen(
    net.createServer((socket) => {
      socket
        .on('data', (bytes) => {
          // Each command begins with the count of its words.
          const commands = String(bytes).split(/^\*\d+\r\n/m).length - 1;
          setTimeout(() => {
            socket.write('+OK\r\n'.repeat(commands));
          }, 2);
        })
        .on('error', () => undefined);
    }),
  );
}

const message = (type, ...parts) => {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)),
  );
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const ready = message('Z', Buffer.from('I'));

/** Lets everybody in, and answers each simple query of PostgreSQL with nothing. */
function startPostgres() {
  return listen(
    net.createServer((socket) => {
      socket
        .once('data', () => {
          socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]));
          socket.on('data', (bytes) => {
            if (bytes[0] === 0x51)
              setTimeout(() => {
                socket.write(Buffer.concat([message('C', 'SELECT 0'), ready]));
              }, 2);
          });
        })
        .on('error', () => undefined);
    }),
  );
}

/** Returns calls that wait for a database first: name → call. */
export async function makeStores({ down, load }) {
  const found = {};
  const add = async (name, make) => {
    try {
      Object.assign(found, await make((it) => it.default ?? it));
    } catch (error) {
      found[name] = error;
    }
  };
  await add('ioredis', async (own) => {
    const Redis = own(await load('ioredis'));
    const redis = new Redis(await startRedis(), '127.0.0.1', { enableReadyCheck: false });
    return {
      ioredis: async () => {
        await redis.set('a', '1');
        return ask(down.http);
      },
      'ioredis callback': () =>
        new Promise((resolve, reject) => {
          redis.set('a', '1', (error) => {
            if (error) reject(error);
            else resolve(ask(down.http));
          });
        }),
      'ioredis pipeline': async () => {
        await redis.pipeline().set('a', '1').set('b', '2').exec();
        return ask(down.http);
      },
    };
  });
  await add('pg', async (own) => {
    const { Pool } = own(await load('pg'));
    const pool = new Pool({
      host: '127.0.0.1',
      port: await startPostgres(),
      user: 'u',
      database: 'd',
      ssl: false,
      max: 2,
    });
    return {
      'pg Pool of 2': async () => {
        await pool.query('select');
        return ask(down.http);
      },
      'pg Pool of 2, transaction': async () => {
        const client = await pool.connect();
        try {
          await client.query('begin');
          await client.query('commit');
        } finally {
          client.release();
        }
        return ask(down.http);
      },
    };
  });
  return found;
}
