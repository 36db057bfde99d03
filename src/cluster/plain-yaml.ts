/**
 * A fast first reading of YAML, for texts of what tools print: no anchors, tags, merges or directives, no key twice. Anything else, and anything in doubt, is
 * left to the full reading, which has places and words for everything; where this one answers, both answer the same (by test).
 */
import {
  EVENT_ALIAS,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SCALAR,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE_PLAIN,
  type Event,
} from 'js-yaml';

/** One document: its value, where it begins, and where the members of its `items` begin, in UTF-16 units. */
export interface PlainDocument {
  readonly value: unknown;
  readonly start: number;
  readonly itemStarts: readonly number[];
}

/** Levels of nesting that are followed; the full reading says what is wrong with more. */
const depthMax = 500;

/** Reads the documents of a text; undefined when it must be read in full. Never throws. */
export function readPlainYaml(text: string): readonly PlainDocument[] | undefined {
  try {
    const reading: Reading = {
      text,
      events: parseEvents(text, { maxDepth: depthMax }),
      at: 0,
      itemStarts: [],
    };
    const documents: PlainDocument[] = [];
    while (reading.at < reading.events.length) documents.push(readDocument(reading));
    return documents;
  } catch {
    return undefined;
  }
}

interface Reading {
  readonly text: string;
  readonly events: readonly Event[];
  at: number;
  /** Of the document that is being read. */
  itemStarts: readonly number[];
}

/** What the full reading must see. */
class Doubt extends Error {}

function next(reading: Reading): Event {
  const event = reading.events[reading.at];
  if (event === undefined) throw new Doubt();
  reading.at += 1;
  return event;
}

function readDocument(reading: Reading): PlainDocument {
  const opening = next(reading);
  if (opening.type !== EVENT_DOCUMENT || opening.directives.length > 0) throw new Doubt();
  reading.itemStarts = [];
  const start = startOf(reading.events[reading.at]);
  const value = readNode(reading, 0);
  if (next(reading).type !== EVENT_POP) throw new Doubt();
  return { value, start, itemStarts: reading.itemStarts };
}

function startOf(event: Event | undefined): number {
  if (
    event === undefined ||
    event.type === EVENT_DOCUMENT ||
    event.type === EVENT_POP ||
    event.type === EVENT_ALIAS
  )
    return 0;
  return event.type === EVENT_SCALAR ? Math.max(0, event.valueStart) : event.start;
}

function readNode(reading: Reading, depth: number): unknown {
  const event = next(reading);
  if (
    event.type === EVENT_DOCUMENT ||
    event.type === EVENT_POP ||
    event.type === EVENT_ALIAS ||
    event.anchorStart >= 0 ||
    event.tagStart >= 0
  )
    throw new Doubt();
  if (event.type === EVENT_SCALAR) return readScalar(reading, event);
  return event.type === EVENT_MAPPING ? readMapping(reading, depth) : readSequence(reading, depth);
}

function readScalar(
  { text }: Reading,
  event: Extract<Event, { readonly type: typeof EVENT_SCALAR }>,
): unknown {
  if (event.valueStart < 0) return null;
  const value = getScalarValue(text, event);
  return event.style === SCALAR_STYLE_PLAIN ? resolve(value) : value;
}

function readMapping(reading: Reading, depth: number): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  while (reading.events[reading.at]?.type !== EVENT_POP) {
    const name = nameOf(readNode(reading, depth + 1));
    if (Object.hasOwn(made, name)) throw new Doubt();
    const from = reading.at;
    made[name] = readNode(reading, depth + 1);
    if (depth === 0 && name === 'items') reading.itemStarts = startsOfMembers(reading.events, from);
  }
  reading.at += 1;
  return made;
}

/** Not a merge, and not the key that plain objects have anyway. */
function nameOf(key: unknown): string {
  if (
    (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'boolean') ||
    key === '<<' ||
    key === '__proto__'
  )
    throw new Doubt();
  return String(key);
}

function readSequence(reading: Reading, depth: number): readonly unknown[] {
  const made: unknown[] = [];
  while (reading.events[reading.at]?.type !== EVENT_POP) made.push(readNode(reading, depth + 1));
  reading.at += 1;
  return made;
}

/** Where the members of the sequence at `from` begin; none when it is no sequence. */
function startsOfMembers(events: readonly Event[], from: number): readonly number[] {
  const starts: number[] = [];
  let depth = 0;
  for (let at = from; at < events.length; at++) {
    const event = events[at];
    if (depth === 1 && event?.type !== EVENT_POP) starts.push(startOf(event));
    depth += event?.type === EVENT_POP ? -1 : event?.type === EVENT_SCALAR ? 0 : 1;
    if (depth === 0) break;
  }
  return starts;
}

/** First characters of plain texts that may be anything but text. */
const maybeOther = /^[-+.0-9~nNyYtTfFoOeE]/;
const nothing = /^(?:~|[Nn]ull|NULL)?$/;
const yes = /^(?:Y|y|[Yy]es|YES|[Tt]rue|TRUE|[Oo]n|ON)$/;
const no = /^(?:N|n|[Nn]o|NO|[Ff]alse|FALSE|[Oo]ff|OFF)$/;
const decimal = /^[-+]?(?:0|[1-9][0-9]{0,14})$/;
const fraction = /^[-+]?[0-9]{1,15}\.[0-9]{1,15}$/;
/** Other spellings of numbers: binary, octal, hexadecimal, with `_`, with exponents, infinite. */
const otherNumber =
  /^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*|(?:[0-9][0-9_]*)?\.[0-9_]*|(?:[0-9][0-9_]*)?(?:\.[0-9_]*)?[eE][-+]?[0-9]+|\.(?:inf|Inf|INF|nan|NaN|NAN))$/;

/** A plain text by YAML 1.1, as kubectl reads it. Numbers in rare spellings are left to the full reading. */
function resolve(text: string): unknown {
  if (text === '') return null;
  if (!maybeOther.test(text)) return text;
  if (nothing.test(text)) return null;
  if (yes.test(text)) return true;
  if (no.test(text)) return false;
  if (decimal.test(text) || fraction.test(text)) return Number(text);
  if (otherNumber.test(text)) throw new Doubt();
  return text;
}
