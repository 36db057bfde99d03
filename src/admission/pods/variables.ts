/** Variables that tell what is already in a container what to carry: our agent's settings, OpenTelemetry's propagators, Spring's baggage fields. */
import type { Settings } from '../../config/settings.ts';
import { commaList, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { agentEnvironment } from '../../model/keys.ts';
import { withValue } from '../json-patch.ts';
import { isFromElsewhere, variableOf, withMember, withVariable } from './lists.ts';
import { given, refused, type Gift, type Outcome } from './outcome.ts';

/** Adds the agent's settings that the container does not set itself. The routing header is always among the headers, `<service>.<own namespace>` among the destinations. */
export function withAgentSettings(container: JsonObject, settings: Settings, namespace: string): JsonObject {
  const headers = new Set([...settings.agentHeaders, settings.routingHeader]);
  const hosts = new Set([...(mayBeTopLevelDomain(namespace) ? [] : [namespace]), ...settings.agentHosts]);
  const wanted: readonly (readonly [string, string])[] = [
    [agentEnvironment.headers, [...headers].join(',')],
    [agentEnvironment.clusterDomain, settings.clusterDomain],
    [agentEnvironment.hosts, [...hosts].join(',')],
    [agentEnvironment.generate, settings.agentGenerate.join(',')],
    [agentEnvironment.response, settings.agentResponse ? 'true' : ''],
  ];
  return wanted
    .filter(([, value]) => value !== '')
    .reduce((current, [name, value]) => withVariable(current, name, value), container);
}

/** Tells whether `shop.dev` could be somebody's host outside as well as a Service of namespace `dev`: top-level domains are letters, or encoded ones. @see ICANN, gTLD Applicant Guidebook, 2.2.1.3.2 */
function mayBeTopLevelDomain(namespace: string): boolean {
  return /^(?:[a-z]*|xn--.*)$/.test(namespace);
}

const propagators = 'OTEL_PROPAGATORS';

/**
 * Adds `baggage` to a list of propagators that lacks it. One that is not there stays so: every SDK's default holds baggage, an image's or a
 * distribution's own default may hold more, and the OpenTelemetry Operator adds its list only where none is (after which we are asked again).
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
 */
export function withBaggagePropagator(container: JsonObject): Outcome {
  const { index, variable } = variableOf(container, propagators);
  if (index < 0) return given(container);
  if (isFromElsewhere(variable))
    return refused(
      'BL305',
      `its ${propagators} is a valueFrom, which cannot be extended; make it a literal value in env, with baggage`,
    );
  const listed = textAt(variable, 'value') ?? '';
  const members = commaList(listed).map((member) => member.toLowerCase());
  if (members.includes('none'))
    return refused('BL305', `its ${propagators} is none, so nothing is carried; name baggage there`);
  return given(
    members.length === 0 || members.includes('baggage')
      ? container
      : withValue(container, ['env', index, 'value'], `${listed},baggage`),
  );
}

/** Spring Boot 3 with Micrometer, and Spring Boot 2 with Sleuth. Each may be written with or without the last underscore. @see https://docs.spring.io/spring-boot/reference/features/external-config.html#features.external-config.typesafe-configuration-properties.relaxed-binding.environment-variables */
const remoteFields = [
  ['MANAGEMENT_TRACING_BAGGAGE_REMOTE_FIELDS', 'MANAGEMENT_TRACING_BAGGAGE_REMOTEFIELDS'],
  ['SPRING_SLEUTH_BAGGAGE_REMOTE_FIELDS', 'SPRING_SLEUTH_BAGGAGE_REMOTEFIELDS'],
] as const;

/** Adds the routing header to Spring's baggage fields, which travel as plain headers of that name. */
export function remoteFieldGifts(header: string): readonly Gift[] {
  return remoteFields.map((spellings) => (container) => withRemoteField(container, spellings, header));
}

function withRemoteField(
  container: JsonObject,
  spellings: readonly [string, string],
  header: string,
): Outcome {
  const name = spellings.find((spelling) => variableOf(container, spelling).index >= 0) ?? spellings[0];
  const { index, variable } = variableOf(container, name);
  if (index < 0 && listAt(container, 'envFrom').length > 0)
    return refused(
      'BL305',
      `its ${name} may come from an envFrom, which it would hide; set it in env, with ${header}`,
    );
  if (index < 0) return given(withMember(container, ['env'], { name, value: header }));
  if (isFromElsewhere(variable))
    return refused(
      'BL305',
      `its ${name} is a valueFrom, which cannot be extended; make it a literal value in env, with ${header}`,
    );
  const listed = textAt(variable, 'value') ?? '';
  if (commaList(listed).some((field) => field.toLowerCase() === header)) return given(container);
  return given(
    withValue(container, ['env', index, 'value'], listed.trim() === '' ? header : `${listed},${header}`),
  );
}
