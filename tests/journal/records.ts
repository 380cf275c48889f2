/** Records as the engine writes them, by seed, for tests of the store and of what surrounds it. */
import type { Random } from "../../src/base/prng.ts";
import type { Decision, JournalRecord, MonitorStands } from "../../src/model/journal_record.ts";
import { alertMessage } from "../support/alert_message.ts";

export function decision(id: number, over: Partial<Decision> = {}): Decision {
  const message = alertMessage({ seq: id, key: `cpra:web:i${id}:down:${id}` });
  return {
    type: "decision",
    row: 0,
    monitor: "web",
    incident: `i${id}`,
    seq: 1,
    transition: "down",
    atWallMs: 1000 + id,
    alerts: [{ id, channel: 0, channelId: "c0", color: "red", message }],
    remedy: null,
    ...over,
  };
}

export function stands(monitor: string, incident: string, failures = 3): MonitorStands {
  return {
    type: "monitor",
    monitor,
    atWallMs: 2000,
    stands: {
      state: 3,
      failures,
      successes: 0,
      verifyLeft: 0,
      attempts: 1,
      flags: 6,
      sinceWallMs: 1000,
      incident: {
        id: incident,
        sinceWallMs: 900,
        opened: true,
        seq: 2,
        error: "refused",
        output: "",
        tried: ["restart web"],
        sentAtWallMs: { red: 950 },
        backoffDueWallMs: 0,
      },
    },
  };
}

/** Any record that may follow the ones before. */
export function createRecords(random: Random): () => JournalRecord {
  let alerts = 0;
  let incidents = 0;
  const below = (limit: number) => Math.floor(random() * limit);
  const name = () => `monitor ${below(5)}`;
  const incident = () => `i${below(incidents + 1)}`;
  return () => {
    const atWallMs = 1000 + below(1000);
    switch (below(8)) {
      case 0:
        return decision(++alerts, { incident: `i${++incidents}`, monitor: name() });
      case 1:
        return decision(++alerts, {
          incident: `i${++incidents}`,
          monitor: name(),
          atWallMs,
          remedy: { attempt: 1, error: "é\n" },
        });
      case 2:
        return random() < 0.5
          ? stands(name(), incident(), below(9))
          : { type: "monitor", monitor: name(), atWallMs, stands: null };
      case 3:
        return {
          type: "settled",
          id: below(alerts + 1),
          result: random() < 0.9 ? "delivered" : "dead",
          error: "",
          atWallMs,
        };
      case 4:
        return { type: "put-off", id: below(alerts + 1), attempt: below(9), dueWallMs: atWallMs };
      case 5:
        return {
          type: "repair-ended",
          incident: incident(),
          attempt: 1,
          how: "failed",
          text: "no",
          atWallMs,
        };
      case 6:
        return {
          type: "fact",
          key: `k${below(4)}`,
          value: random() < 0.3 ? null : { at: below(9) },
          atWallMs,
        };
      default:
        return random() < 0.5
          ? { type: "step", incident: incident(), atWallMs, what: "up → down", detail: "refused" }
          : { type: "closed", incident: incident(), atWallMs };
    }
  };
}
