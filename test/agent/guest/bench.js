// A server to measure: scenario A says hello, B awaits 200 times first, C is express that makes one call. Tells its port, and when asked what it cost.
import http from 'node:http';
import { createRequire } from 'node:module';

const [scenario, downstream] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const agent = new http.Agent({ keepAlive: true });

function handler() {
  if (scenario === 'A')
    return (_request, response) => {
      response.end('hello');
    };
  if (scenario === 'B')
    return async (_request, response) => {
      for (let index = 0; index < 200; index += 1) await null;
      response.end('hello');
    };
  const app = require('express4')();
  app.get('/', (_request, response) => {
    http.get(downstream, { agent }, (answer) => {
      answer.resume().on('end', () => {
        response.end('hello');
      });
    });
  });
  return app;
}

const server = http.createServer(handler()).listen(0, '127.0.0.1', () => {
  process.send({ port: server.address().port });
});
process.on('message', (question) => {
  if (question === 'collect') globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  process.send({
    cpuUs: user + system,
    rssMb: process.memoryUsage().rss / 1e6,
    heapMb: process.memoryUsage().heapUsed / 1e6,
  });
});
process.on('disconnect', () => {
  process.exit();
});
