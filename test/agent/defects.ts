/** What hpropagate 1.0.1 gets wrong, by name, and what is right. What the guest `defects.js` prints is held against it: with the agent in `npm test`, and with hpropagate itself in `npm run test:agent`. */

/** One of them. */
export interface Defect {
  /** What hpropagate does. */
  readonly name: string;
  /** Key of what `defects.js` prints. */
  readonly fact: string;
  readonly want: unknown;
}

export const defects: readonly Defect[] = [
  { name: 'loses the callback of request(URL, options, callback)', fact: 'urlOptionsCallback', want: 'v1' },
  { name: 'carries nothing for servers made with new http.Server()', fact: 'newServer', want: 'v1' },
  { name: 'puts nothing on fetch', fact: 'fetch', want: 'v1' },
  { name: 'puts nothing on headers in an array', fact: 'list', want: 'v1' },
  { name: 'changes the headers object of the caller', fact: 'sharedAfter', want: { 'x-own': '1' } },
  { name: "sends an earlier request's header from outside any request", fact: 'outside', want: null },
  { name: 'overwrites a header that the application sets itself', fact: 'ownHeader', want: 'mine' },
  { name: 'fails on frozen headers', fact: 'frozen', want: 'v1' },
  { name: 'sends headers to every host', fact: 'external', want: null },
];
