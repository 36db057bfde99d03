/** Rules about the matches of HTTP routes. Regexes are judged elsewhere. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/virtualservice.go */
import { isObject, objectAt } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import {
  entries,
  field,
  fieldsSet,
  finding,
  isSet,
  members,
  type Finding,
  type Owner,
  type Placed,
  type Row,
} from '../finding.ts';
import { isClaim, isLabel, isMatchableName, labelFindings, portFault, shown } from './istio-names.ts';
import { isBoundToMesh } from './virtual-service-object.ts';

/** Rules over one HTTP route. */
export const matchRows: readonly Row[] = [
  { code: 'BL211', check: matchesAreWhole, about: ['match'] },
  { code: 'BL211', check: headersCanBeMatched, about: ['match'] },
  { code: 'BL211', check: valuesCanBeMatched, about: ['match'] },
  { code: 'BL211', check: sourcesAreValid, about: ['match'] },
];

function* matchesAreWhole(route: Placed): Generator<Finding> {
  for (const { value, path } of members(route, 'match')) {
    if (!isObject(value)) yield finding(path, `is ${shown(value)}`, 'write a match, or leave the entry out');
  }
}

function* headersCanBeMatched(route: Placed, owner: Owner): Generator<Finding> {
  for (const match of members(route, 'match')) {
    for (const header of [...entries(match, 'headers'), ...entries(match, 'withoutHeaders')]) {
      yield* nameFindings(header, owner);
      if (!isObject(header.value))
        yield finding(
          header.path,
          `is ${shown(header.value)}`,
          'write exact, prefix or regex; {} means that the header is there',
        );
      else yield* stringMatchFindings(header);
    }
  }
}

function* nameFindings(
  { key, path }: Placed & { readonly key: string },
  { object }: Owner,
): Generator<Finding> {
  if (key === '') yield finding(path, 'names no header', 'write its name');
  else if (!isMatchableName(key))
    yield finding(
      path,
      `names ${quote(key)}, which is no header name`,
      'use letters, digits and -; for the host of a request write authority',
    );
  else if (isClaim(key) && isBoundToMesh(objectAt(object, 'spec')))
    yield finding(
      path,
      'matches a claim of a token, which only Gateways can do',
      'bind the object to Gateways only',
    );
}

/** One of exact, prefix, regex; no empty prefix. */
function* stringMatchFindings({ value, path }: Placed, mayBeEmptyPrefix = false): Generator<Finding> {
  const kinds = fieldsSet(value, ['exact', 'prefix', 'regex']);
  if (kinds.length > 1) yield finding(path, `has ${kinds.join(' and ')}`, 'write one of them');
  for (const kind of kinds) {
    const text = objectAt(value)[kind];
    if (typeof text !== 'string')
      yield finding(`${path}.${kind}`, `is ${shown(text)}, which is no text`, 'write it in quotes');
    else if (kind === 'prefix' && text === '' && !mayBeEmptyPrefix)
      yield finding(`${path}.prefix`, 'is empty', 'write a prefix; {} means that it is there');
  }
}

function* valuesCanBeMatched(route: Placed): Generator<Finding> {
  for (const match of members(route, 'match')) {
    yield* stringMatchFindings(field(match, 'uri'), true);
    for (const key of ['scheme', 'method', 'authority']) yield* stringMatchFindings(field(match, key));
    for (const parameter of entries(match, 'queryParams')) yield* stringMatchFindings(parameter);
  }
}

function* sourcesAreValid(route: Placed): Generator<Finding> {
  for (const match of members(route, 'match')) {
    const { port, sourceNamespace } = objectAt(match.value);
    const fault = port === 0 || !isSet(match.value, 'port') ? undefined : portFault(port);
    if (fault !== undefined) yield finding(`${match.path}.port`, fault, 'write a number from 1 to 65535');
    yield* labelFindings(match, 'sourceLabels');
    if (
      isSet(match.value, 'sourceNamespace') &&
      sourceNamespace !== '' &&
      (typeof sourceNamespace !== 'string' || !isLabel(sourceNamespace))
    ) {
      yield finding(
        `${match.path}.sourceNamespace`,
        `is ${shown(sourceNamespace)}`,
        'write the name of a namespace',
      );
    }
  }
}
