/** The documents of a YAML text, one after the other, as kubectl reads them. */
import { Composer, LineCounter, parseAllDocuments, Parser, type Document, type Tags } from 'yaml';

/** Yields each document as soon as it is read, so that only one needs to be held. What is wrong with one is in its `errors`. @throws Error for what the library cannot follow. */
export function readYamlDocuments(text: string): Iterable<Document.Parsed> {
  return new Composer(options).compose(new Parser().parse(text));
}

/** Reads a document once more, from its part of the text. */
export function readYamlDocument(text: string): Document.Parsed | undefined {
  const documents = parseAllDocuments(text, options);
  return 'empty' in documents ? undefined : documents[0];
}

/** Returns a function from offsets to lines and columns, both from 1. */
export function positionsOf(
  text: string,
): (offset: number) => { readonly line: number; readonly column: number } {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
}

const options = {
  prettyErrors: false,
  logLevel: 'error',
  schema: 'yaml-1.1',
  customTags: kubernetesTags,
  resolveKnownTags: false,
} as const;

/** YAML as kubectl reads it is YAML 1.1 (`yes` is true, `<<` merges) without dates, times of day and binary. @see https://github.com/kubernetes-sigs/yaml */
function kubernetesTags(tags: Tags): Tags {
  return tags
    .filter(
      (tag) =>
        typeof tag !== 'string' && !foreignTags.has(tag.tag) && !('format' in tag && tag.format === 'TIME'),
    )
    .map(withDigits);
}

const foreignTags: ReadonlySet<string> = new Set(
  ['binary', 'omap', 'pairs', 'set', 'timestamp'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** The library takes `e5` and `.` for numbers that are none. */
function withDigits(tag: Tags[number]): Tags[number] {
  if (
    typeof tag === 'string' ||
    tag.tag !== 'tag:yaml.org,2002:float' ||
    !('test' in tag) ||
    tag.test === undefined
  )
    return tag;
  const { test } = tag;
  return {
    ...tag,
    test: new RegExp(
      `^(?=[-+]?(?:\\.?[0-9]|\\.(?:inf|Inf|INF|nan|NaN|NAN)$))(?:${test.source.replace(/^\^|\$$/g, '')})$`,
    ),
  };
}
