/**
 * Composes the message of an alert, the same for every channel, when it is decided: later events do not change it.
 * Whatever the facts hold, every text in it is one line without control characters and has a bound, and the whole is less
 * than 15 KiB of JSON, so that it fits a 16 KiB slot of the code lane. Notifiers put it into their channel's form.
 */
import { hashText } from "../base/hash.ts";
import { COLOR_WORDS } from "../model/color.ts";
import type { AlertMessage } from "../model/message.ts";
import { type AlertFacts, hasTrouble } from "./alert_facts.ts";
import { wordsOf } from "./alert_words.ts";
import { boundText } from "./bounded_text.ts";

/** Bytes within a JSON string, see boundText(). */
const NAME_BYTES = 200;
const KIND_BYTES = 32;
const TEXT_BYTES = 500;
const SENTENCE_BYTES = 800;
const TRIED_BYTES = 300;
const TRIED_LINES = 10;
const GROUPS = 16;
const LABELS = 16;
const WORD_BYTES = 64;
const LABEL_VALUE_BYTES = 128;
/** ASCII characters of a part of a key: PagerDuty allows 255 for a dedup_key, which has two parts. */
const KEY_NAME = 120;
const KEY_WORD = 64;

export function composeAlert(facts: AlertFacts): AlertMessage {
  const { title, status, severity } = COLOR_WORDS[facts.color];
  const words = wordsOf(facts);
  const monitor = boundText(facts.monitor, NAME_BYTES);
  const dedupKey = `cpra:${keyPart(facts.monitor, KEY_NAME)}:${keyPart(facts.incident, KEY_WORD)}`;
  const trouble = hasTrouble(facts);
  return {
    // One decision can tell two colours (maintenance is over, and the incident with it): the key tells them apart.
    key: `${dedupKey}:${keyPart(`${facts.transition}-${facts.color}`, KEY_WORD)}:${facts.seq}`,
    dedupKey,
    color: facts.color,
    title: `${title}: ${monitor}`,
    monitor,
    status,
    severity,
    summary: boundText(words.summary, SENTENCE_BYTES),
    recommendedAction: boundText(words.recommendedAction, SENTENCE_BYTES),
    nextSteps: words.nextSteps.map((step) => boundText(step, TEXT_BYTES)),
    kind: boundText(facts.kind, KIND_BYTES),
    target: boundText(facts.target, TEXT_BYTES),
    error: boundText(facts.error, TEXT_BYTES),
    output: boundText(facts.output, TEXT_BYTES),
    since: trouble ? new Date(facts.sinceWallMs).toISOString() : "",
    failingForMs: trouble ? Math.round(facts.failingForMs) : 0,
    failures: facts.failures,
    tried: facts.tried.slice(-TRIED_LINES).map((line) => boundText(line, TRIED_BYTES)),
    incident: boundText(facts.incident, WORD_BYTES),
    transition: boundText(facts.transition, WORD_BYTES),
    seq: facts.seq,
    at: new Date(facts.nowWallMs).toISOString(),
    groups: facts.groups.slice(0, GROUPS).map((group) => boundText(group, WORD_BYTES)),
    labels: boundLabels(facts.labels),
  };
}

function boundLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).slice(0, LABELS).map(([name, value]) => {
      return [boundText(name, WORD_BYTES), boundText(value, LABEL_VALUE_BYTES)];
    }),
  );
}

/**
 * A part of a key as visible ASCII, since keys travel in headers: anything else, and what would make a key ambiguous, is
 * percent-encoded. What is too long ends in a hash of the whole, so that different names stay different.
 */
function keyPart(text: string, lengthMax: number): string {
  const encoded = text.toWellFormed().replace(/[^!-~]|[%:"\\]/gu, (character) => {
    return character === ":" ? "%3A" : encodeURIComponent(character);
  });
  if (encoded.length <= lengthMax) return encoded;
  const hash = hashText(text).toString(16).padStart(8, "0");
  return `${encoded.slice(0, lengthMax - hash.length - 1)}~${hash}`;
}
