/** Actions and queries about alerts: silences, acknowledgement, test alerts, dead letters. */
import { parseDuration } from "../base/duration.ts";
import type { AlertControl } from "../engine/alert_control.ts";
import {
  type ActionAnswer,
  type ActionHandlers,
  type ActionParameters,
  unknownParameters,
} from "../model/action.ts";
import { MATCHER_FORMS, parseMatcher, type Silence } from "../model/silence.ts";

export interface AlertTargets {
  /** Undefined until the engine runs. */
  readonly alerts: () => AlertControl | undefined;
  /** Of the channels, by index: kind and description, without secrets. */
  readonly channels: () => readonly { readonly kind: string; readonly description: string }[];
}

const NOT_YET: ActionAnswer = { status: 503, body: { error: "the manifest is still being loaded" } };
const MATCHERS_MOST = 16;
const TEXT_MOST = 512;
/** A silence ends. */
const FOR_MS_MOST = 90 * 86_400_000;

/** Names with "get " in front are queries: they only read. */
export function alertActions(targets: AlertTargets): ActionHandlers {
  const withEngine =
    (act: (alerts: AlertControl, parameters: ActionParameters) => ActionAnswer, allowed: readonly string[]) =>
    (parameters: ActionParameters): ActionAnswer => {
      const alerts = targets.alerts();
      return unknownParameters(parameters, allowed) ??
        (alerts === undefined ? NOT_YET : act(alerts, parameters));
    };
  return {
    silence: withEngine(silence, ["match", "for", "comment"]),
    unsilence: withEngine(unsilence, ["id"]),
    ack: withEngine(acknowledge, ["what", "by"]),
    "test-alert": withEngine((alerts, parameters) => testAlert(alerts, parameters, targets), ["what"]),
    "get silences": withEngine((alerts) => ({
      status: 200,
      body: { silences: alerts.silences().map(silenceReport) },
    }), []),
    "get deadletters": withEngine((alerts) => {
      const channels = targets.channels();
      const deadLetters = alerts.deadLetters().map((letter) => ({
        ...letter,
        channel: channels[letter.channel]?.description ?? "not in the manifest any more",
      }));
      return { status: 200, body: { deadLetters } };
    }, []),
  };
}

function silence(alerts: AlertControl, parameters: ActionParameters): ActionAnswer {
  const words = typeof parameters["match"] === "string" ? [parameters["match"]] : parameters["match"];
  if (!Array.isArray(words) || words.length === 0 || words.length > MATCHERS_MOST) {
    return wrong("match", `a text or a list of 1 to ${MATCHERS_MOST} texts such as ${MATCHER_FORMS}`);
  }
  const match = words.map((word) => isText(word) ? parseMatcher(word) : undefined);
  if (match.includes(undefined)) return wrong("match", MATCHER_FORMS);
  const forMs = isText(parameters["for"]) ? parseDuration(parameters["for"]) : undefined;
  if (forMs === undefined || forMs <= 0 || forMs > FOR_MS_MOST) {
    return wrong("for", 'a duration such as "2h", at most 90 d');
  }
  const comment = parameters["comment"] ?? "";
  if (comment !== "" && !isText(comment)) {
    return wrong("comment", `a text of at most ${TEXT_MOST} characters`);
  }
  const added = alerts.silence({
    match: match.flatMap((each) => each ?? []),
    forMs,
    comment: String(comment),
  });
  if (added === undefined) {
    return { status: 409, body: { error: "There are too many silences; end some first" } };
  }
  return { status: 200, body: { message: `Silence ${added.id} is in force`, silence: silenceReport(added) } };
}

function unsilence(alerts: AlertControl, { id }: ActionParameters): ActionAnswer {
  if (!isText(id)) return wrong("id", "the id of a silence (GET /api/v1/silences)");
  if (!alerts.unsilence(id)) {
    return { status: 404, body: { error: `No silence ${JSON.stringify(id)} is in force` } };
  }
  return { status: 200, body: { message: `Silence ${id} is over` } };
}

function acknowledge(alerts: AlertControl, { what, by = "somebody" }: ActionParameters): ActionAnswer {
  if (!isText(what)) return wrong("what", "the name of a monitor or the id of an incident");
  if (!isText(by)) return wrong("by", `a text of at most ${TEXT_MOST} characters`);
  const done = alerts.acknowledge(what, by);
  if (done === undefined) {
    return { status: 404, body: { error: `No trouble of ${JSON.stringify(what)} is open` } };
  }
  return {
    status: 200,
    body: { message: `Acknowledged: ${done.monitor}, incident ${done.incident}`, ...done },
  };
}

function testAlert(alerts: AlertControl, { what }: ActionParameters, targets: AlertTargets): ActionAnswer {
  if (!isText(what)) {
    return wrong("what", "a monitor, a kind of channel, or a channel as the metrics name it");
  }
  const all = targets.channels();
  const named = [...all.keys()].filter((index) => {
    const { kind, description } = all[index] as typeof all[number];
    return kind === what || description === what;
  });
  const channels = alerts.channelsOf(what) ?? named;
  if (channels.length === 0) {
    const known = [...new Set(all.map(({ description }) => description))].slice(0, 50);
    return {
      status: 404,
      body: { error: `No monitor and no channel is named ${JSON.stringify(what)}`, channels: known },
    };
  }
  alerts.test(what, channels);
  const told = channels.map((channel) => all[channel]?.description ?? "");
  return {
    status: 200,
    body: { message: `A test alert and its resolve go to ${told.join(", ")}`, channels: told },
  };
}

function silenceReport({ id, match, fromWallMs, untilWallMs, comment }: Silence) {
  return {
    id,
    match: match.map(({ key, value }) => `${key}=${value}`),
    from: new Date(fromWallMs).toISOString(),
    until: new Date(untilWallMs).toISOString(),
    comment,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= TEXT_MOST;
}

function wrong(parameter: string, allowed: string): ActionAnswer {
  return { status: 400, body: { error: `The parameter "${parameter}" is not right`, parameter, allowed } };
}
