/**
 * The examination at the end, in a calm world: targets of plain monitors die and heal one after another, and their whole
 * story is known beforehand: every code once, in order, on every channel, and nothing else.
 */
import type { Play } from "./play.ts";

const TARGETS = 3;

export function examine(play: Play): void {
  const { plan, outside, timeline, alerts } = play;
  const plain = plan.monitors.flatMap((spec, index) =>
    spec.remedy === undefined && spec.groups.length === 0 ? [{ spec, index }] : []
  );
  const quickest = plain.sort((left, right) => left.spec.intervalMs - right.spec.intervalMs);
  for (const { spec, index } of quickest.slice(0, TARGETS)) {
    const { intervalMs, unhealthyThreshold, healthyThreshold, codes } = spec;
    const before = new Set(alerts.storyOf(index).map(({ id }) => id));
    play.say(`examination of m${index}`);
    outside.forced.set(index, "dead");
    wait(play, timeline.nowMs + intervalMs * (unhealthyThreshold + 1) + 2000);
    const state = play.states.stateOf(index);
    if (state !== "down") play.accuse("examination", `m${index} is ${state} with a dead target`);
    outside.forced.set(index, "healthy");
    wait(play, timeline.nowMs + intervalMs * (healthyThreshold + 1) + 5000);
    const story = alerts.storyOf(index).filter(({ id }) => !before.has(id));
    const degrades = unhealthyThreshold > 1;
    const expected = (["yellow", "red", "green"] as const).flatMap((color) =>
      color === "yellow" && !degrades ? [] : codes[color]?.channels.map(() => color) ?? []
    );
    const repeats = codes.red?.dispatch === "always" || (codes.red?.repeatMs ?? 0) > 0;
    const found = story.map(({ color }) => color).sort();
    const fits = repeats
      ? expected.every((color) => found.includes(color))
      : found.join() === [...expected].sort().join();
    if (!fits) play.accuse("examination", `m${index} told ${found}, not ${expected}`);
    outside.forced.delete(index);
  }
}

function wait({ timeline }: Play, untilMs: number): void {
  while (timeline.nowMs < untilMs) timeline.step(untilMs);
}
