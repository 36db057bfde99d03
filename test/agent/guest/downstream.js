// Servers that answer with the headers they were sent: what a client really put on the wire. Plain JavaScript, as everything here: it runs on Node 18 too.
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createHttp2Server } from 'node:http2';
import { connect } from 'node:net';

/** A little late, so that requests of many callers wait in a pool at once. */
const answerAfterMs = 2;

function answer(request, response) {
  request.resume();
  if (request.url.startsWith('/redirect')) {
    response.writeHead(302, { location: request.url.slice('/redirect?'.length) || '/after' }).end();
    return;
  }
  // Elasticsearch's client asks for its name.
  response.setHeader('content-type', 'application/json').setHeader('x-elastic-product', 'Elasticsearch');
  setTimeout(() => {
    response.end(JSON.stringify(request.headers));
  }, answerAfterMs);
}

/** Starts them on loopback: `http`, `https`, `http2`, and a forward `proxy` that remembers what it was told in each CONNECT. */
export async function startDownstream(pair) {
  const http = createServer(answer);
  http.on('checkContinue', (request, response) => {
    response.writeContinue();
    answer(request, response);
  });
  const http2 = createHttp2Server();
  http2.on('stream', (stream, headers) => {
    stream.resume();
    setTimeout(() => {
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify(headers));
    }, answerAfterMs);
  });
  const connects = [];
  const proxy = createServer(answer);
  proxy.on('connect', (request, socket) => {
    connects.push(request.headers);
    const [host, port] = request.url.split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => {
      socket.destroy();
    });
    socket.on('error', () => {
      upstream.destroy();
    });
  });
  return {
    connects,
    http: `http://127.0.0.1:${await listen(http)}`,
    https: pair === undefined ? '' : `https://127.0.0.1:${await listen(createSecureServer(pair, answer))}`,
    http2: `http://127.0.0.1:${await listen(http2)}`,
    proxy: `http://127.0.0.1:${await listen(proxy)}`,
  };
}

/** Listens on a free port of loopback. */
export function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(server.address().port);
    });
  });
}

/** Reads a whole body. */
export function textOf(stream) {
  return new Promise((resolve, reject) => {
    let text = '';
    stream
      .on('data', (chunk) => {
        text += chunk;
      })
      .on('end', () => {
        resolve(text);
      })
      .on('error', reject);
  });
}
