// A route handler that calls another service, as `x-how` says, and answers with what arrived there.
import http from 'node:http';

export const dynamic = 'force-dynamic';

const get = (url) =>
  new Promise((resolve, reject) => {
    http
      .get(url, (response) => {
        let text = '';
        response
          .on('data', (chunk) => {
            text += chunk;
          })
          .on('end', () => {
            resolve(JSON.parse(text));
          });
      })
      .on('error', reject);
  });

export async function POST(request) {
  await request.text();
  const url = process.env.DOWN;
  return Response.json(
    await (request.headers.get('x-how') === 'fetch'
      ? (await fetch(url, { cache: 'no-store' })).json()
      : get(url)),
  );
}
