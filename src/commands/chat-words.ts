/** What somebody wrote in a chat → the words of a command line, and back. */

/** Slack escapes these three and nothing else. @see https://docs.slack.dev/messaging/formatting-message-text#escaping */
const escapes: readonly (readonly [string, string])[] = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
];

/**
 * Splits a message into words as a shell would, without its variables and commands. Mentions at the start go; links are their text; what phones and Macs make of
 * `--` and quotes is put right.
 */
export function wordsOf(text: string): readonly string[] {
  const plain = unescape(
    text
      .replace(/^\s*(?:<@[A-Z0-9]+(?:\|[^>]*)?>[\s:,]*)+/, '')
      .replace(/<(?:https?|mailto):[^|>]*\|([^>]*)>/g, '$1')
      .replace(/<((?:https?|mailto):[^>]*)>/g, '$1'),
  )
    .replace(/(^|\s)[\u2013\u2014](?=[a-z])/g, '$1--')
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2018\u2019]/g, "'");
  return [...plain.matchAll(/(?:"([^"]*)"|'([^']*)'|[^\s"'])+/g)].map(([word]) =>
    word.replace(
      /"([^"]*)"|'([^']*)'/g,
      (_whole, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  );
}

function unescape(text: string): string {
  return escapes.reduceRight((current, [plain, escaped]) => current.replaceAll(escaped, plain), text);
}

/** Longest text of a message. @see https://docs.slack.dev/reference/methods/chat.postMessage#truncating */
const messageLimit = 3800;

/** Makes a message of what a command printed: preformatted, shortened in the middle. URLs stand apart so that they can be clicked. */
export function messageOf(printed: string): string {
  const lines = printed.replace(/\s+$/, '').split('\n');
  const urls = lines.filter((line) => /^https?:\/\/\S+$/.test(line));
  const rest = escape(lines.filter((line) => !urls.includes(line)).join('\n')).replaceAll('```', "'''");
  const shown =
    rest.length > messageLimit
      ? `${rest.slice(0, messageLimit / 2)}\n…\n${rest.slice(-messageLimit / 2)}`
      : rest;
  return [
    ...(shown.trim() === '' ? [] : [`\`\`\`\n${shown}\n\`\`\``]),
    ...urls.map((url) => `<${url}>`),
  ].join('\n');
}

function escape(text: string): string {
  return escapes.reduce((current, [plain, escaped]) => current.replaceAll(plain, escaped), text);
}
