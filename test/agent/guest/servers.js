// Every way to serve. Each maker gets `serve()`, which makes a downstream call and resolves with what arrived there, and returns a port, or how to send.
import http from 'node:http';
import https from 'node:https';
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { listen, textOf } from './downstream.js';

const ok = (response, promise) => {
  promise.then(
    (value) => {
      response.end(JSON.stringify(value));
    },
    (error) => {
      response.statusCode = 500;
      response.end(String(error));
    },
  );
};

const built = ({ serve, pair }) => ({
  http: () =>
    listen(
      http.createServer((request, response) => {
        request.resume();
        ok(response, serve());
      }),
    ),
  'http new Server, raw end': () =>
    listen(
      new http.Server().on('request', (request, response) => {
        request
          .on('data', () => undefined)
          .on('end', () => {
            ok(response, serve());
          });
      }),
    ),
  'http raw data': () =>
    listen(
      http.createServer((request, response) => {
        request
          .once('data', () => {
            ok(response, serve());
          })
          .resume();
      }),
    ),
  'http for await': () =>
    listen(
      http.createServer(async (request, response) => {
        for await (const chunk of request) void chunk;
        ok(response, serve());
      }),
    ),
  'http timers, promises': () =>
    listen(
      http.createServer((request, response) => {
        request.resume();
        ok(
          response,
          new Promise((resolve) => {
            setTimeout(() => {
              process.nextTick(() => {
                setImmediate(() => {
                  resolve(serve());
                });
              });
            }, 1);
          }),
        );
      }),
    ),
  ...(pair === undefined
    ? {}
    : {
        https: async () => ({
          send: sendHttp(
            await listen(
              https.createServer(pair, (request, response) => {
                request
                  .on('data', () => undefined)
                  .on('end', () => {
                    ok(response, serve());
                  });
              }),
            ),
            https,
          ),
        }),
        'http2 allowHTTP1': async () => ({
          send: sendHttp(
            await listen(
              http2.createSecureServer({ ...pair, allowHTTP1: true }, (request, response) => {
                request
                  .on('data', () => undefined)
                  .on('end', () => {
                    ok(response, serve());
                  });
              }),
            ),
            https,
          ),
        }),
      }),
  'http2 compat': async () => ({
    send: sendHttp2(
      await listen(
        http2.createServer((request, response) => {
          request
            .on('data', () => undefined)
            .on('end', () => {
              ok(response, serve());
            });
        }),
      ),
    ),
  }),
  'http2 stream': async () => ({
    send: sendHttp2(
      await listen(
        http2.createServer().on('stream', (stream) => {
          stream
            .on('data', () => undefined)
            .on('end', () => {
              serve().then((value) => {
                stream.respond({ ':status': 200 });
                stream.end(JSON.stringify(value));
              });
            });
        }),
      ),
    ),
  }),
  'http upgrade': async () => {
    const server = http.createServer().on('upgrade', (request, socket) => {
      serve().then((value) => {
        socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${JSON.stringify(value)}`);
      });
    });
    return {
      send: sendHttp(await listen(server), http, {
        headers: { connection: 'upgrade', upgrade: 'test' },
        method: 'GET',
      }),
    };
  },
});

const frameworks = ({ serve, load }) => {
  const express =
    (name, ...parsers) =>
    async () => {
      const { default: make } = await load(name);
      const app = make();
      for (const parser of parsers) app.use(await parser(make));
      app.post('/', async (request, response) => {
        if (parsers.length === 0) await textOf(request);
        response.json(await serve());
      });
      return listen(http.createServer(app));
    };
  const json = (make) => make.json({ type: () => true, strict: false });
  const urlencoded = (make) => make.urlencoded({ extended: true, type: () => true });
  const multer = async () => {
    const { default: make } = await load('multer1');
    return make().none();
  };
  const fastify = (name) => async () => {
    const { default: make } = await load(name);
    const app = make();
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
      done(null, body);
    });
    app.post('/', () => serve());
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server.address().port;
  };
  const nest = (adapter) => async () => {
    await load('reflect-metadata');
    const common = await load('@nestjs/common');
    const core = await load('@nestjs/core');
    class Controller {
      answer() {
        return serve();
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Controller.prototype, 'answer');
    common.Post('/')(Controller.prototype, 'answer', descriptor);
    common.Controller()(Controller);
    class Module {}
    common.Module({ controllers: [Controller] })(Module);
    const app = await core.NestFactory.create(
      Module,
      ...(adapter === undefined ? [] : [new (await load('@nestjs/platform-fastify')).FastifyAdapter()]),
      { logger: false },
    );
    await app.listen(0, '127.0.0.1');
    return app.getHttpServer().address().port;
  };
  return {
    'express 4': express('express4'),
    'express 4 json': express('express4', json),
    'express 4 urlencoded': express('express4', urlencoded),
    'express 4 multer': express('express4', multer),
    'express 5': express('express5'),
    'express 5 json': express('express5', json),
    'express 5 multer': express('express5', multer),
    'fastify 4': fastify('fastify4'),
    'fastify 5': fastify('fastify5'),
    'koa, bodyparser': async () => {
      const { default: Koa } = await load('koa');
      const { default: parser } = await load('koa-bodyparser');
      const app = new Koa();
      app.use(parser({ enableTypes: ['text', 'json'] }));
      app.use(async (context) => {
        context.body = await serve();
      });
      return listen(http.createServer(app.callback()));
    },
    hapi: async () => {
      const hapi = await load('@hapi/hapi');
      const server = (hapi.default ?? hapi).server({ port: 0, host: '127.0.0.1' });
      server.route({
        method: 'POST',
        path: '/',
        options: { payload: { parse: false } },
        handler: () => serve(),
      });
      await server.start();
      return server.info.port;
    },
    hono: async () => {
      const { Hono } = await load('hono');
      const { createAdaptorServer } = await load('@hono/node-server');
      const app = new Hono();
      app.post('/', async (context) => {
        await context.req.text();
        return context.json(await serve());
      });
      return listen(createAdaptorServer({ fetch: app.fetch }));
    },
    'nest, express': nest(undefined),
    'nest, fastify': nest('fastify'),
    'http-proxy': async ({ down }) => {
      const proxy = ((it) => it.default ?? it)(await load('http-proxy')).createProxyServer({
        target: down.http,
        agent: new http.Agent({ keepAlive: true, maxSockets: 2 }),
      });
      // Its request is the one that came: the header is there anyway. Nothing else may be.
      return listen(
        http.createServer((request, response) => {
          proxy.web(request, response);
        }),
      );
    },
    'ws upgrade': async () => {
      const { WebSocketServer } = await load('ws');
      const server = http.createServer();
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket) => {
        serve().then((value) => {
          socket.send(JSON.stringify(value));
        });
      });
      const port = await listen(server);
      const { WebSocket } = await load('ws');
      return {
        send: (headers) =>
          new Promise((resolve, reject) => {
            const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers });
            socket
              .on('message', (text) => {
                resolve(JSON.parse(text));
                socket.close();
              })
              .on('error', reject);
          }),
      };
    },
    'grpc-js': async () => {
      const grpc = await load('@grpc/grpc-js');
      const { startServer, clientOf } = await import('./grpc.js');
      const client = clientOf(
        grpc,
        await startServer(grpc, async () => Buffer.from(JSON.stringify(await serve()))),
      );
      return {
        send: (headers) =>
          new Promise((resolve, reject) => {
            const metadata = new grpc.Metadata();
            for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
            client.Unary(Buffer.from('x'), metadata, {}, (error, bytes) => {
              if (error) reject(error);
              else resolve(JSON.parse(bytes));
            });
          }),
      };
    },
  };
};

/** Sends a body in two parts, each time from the pool of connections that is there. */
export function sendHttp(port, protocol = http, more = {}) {
  const agent = new protocol.Agent({ keepAlive: true, maxSockets: 30, rejectUnauthorized: false });
  return (headers) =>
    new Promise((resolve, reject) => {
      const request = protocol.request(
        {
          host: '127.0.0.1',
          port,
          method: 'POST',
          agent,
          ...more,
          headers: { 'content-type': 'text/plain', ...more.headers, ...headers },
        },
        (response) => {
          textOf(response)
            .then((text) => {
              resolve(JSON.parse(text));
            })
            .catch(reject);
        },
      );
      request.on('error', reject);
      if (more.method === 'GET') {
        request.end();
        return;
      }
      request.write('[1,');
      setTimeout(() => {
        request.end('2]');
      }, 1);
    });
}

function sendHttp2(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.unref();
  return (headers) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': '/', ...headers });
      textOf(stream)
        .then((text) => {
          resolve(JSON.parse(text));
        })
        .catch(reject);
      stream.write('1');
      setTimeout(() => {
        stream.end('2');
      }, 1);
    });
}

/** Returns every server: name → what starts it. */
export function makeServers(context) {
  void Duplex;
  return { ...built(context), ...frameworks(context) };
}
