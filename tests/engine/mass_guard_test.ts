import assert from "node:assert/strict";
import { test } from "node:test";
import { CLEAR, MassGuard, RELEASING, SUSPECT } from "../../src/engine/mass_guard.ts";
import { GUARD_DEFAULTS } from "../../src/model/protection.ts";

function guardOf(size: number): MassGuard {
  const guard = new MassGuard("group:a", GUARD_DEFAULTS);
  guard.size = size;
  return guard;
}

/** Looks every second until `toMs`. */
function watch(guard: MassGuard, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) guard.look(nowMs, undefined);
}

test("a fifth of a scope, and at least five, going down together make it suspect", () => {
  for (const [size, needed] of [[3, 5], [20, 5], [100, 20]] as const) {
    const guard = guardOf(size);
    for (let down = 1; down < needed; down++) guard.opened(1000 * down);
    guard.look(40_000, undefined);
    assert.equal(guard.state, CLEAR);
    guard.opened(40_000);
    guard.look(40_000, undefined);
    assert.equal(guard.state, SUSPECT);
  }
});

test("what went down over hours is not together", () => {
  const guard = guardOf(20);
  for (let down = 0; down < 20; down++) {
    guard.opened(down * 120_000);
    guard.look(down * 120_000, undefined);
    assert.equal(guard.state, CLEAR, `${down}`);
  }
});

test("hysteresis and slow release: at half of the threshold for two minutes it releases, and clears two minutes later", () => {
  const guard = guardOf(20);
  for (let down = 0; down < 8; down++) guard.opened(1000);
  guard.look(1000, undefined);
  for (let up = 0; up < 5; up++) guard.closed(1000);
  watch(guard, 2000, 200_000);
  assert.equal(guard.state, SUSPECT, "three of eight are still down");
  guard.closed(1000);
  watch(guard, 201_000, 319_000);
  assert.equal(guard.state, SUSPECT);
  watch(guard, 320_000, 322_000);
  assert.equal(guard.state, RELEASING);
  watch(guard, 323_000, 445_000);
  assert.equal(guard.state, CLEAR);
});

test("a relapse while it releases makes it suspect again; monitors that were down before do not hold it", () => {
  const guard = guardOf(20);
  for (let old = 0; old < 4; old++) guard.opened(0);
  watch(guard, 0, 400_000);
  for (let down = 0; down < 5; down++) guard.opened(401_000);
  guard.look(401_000, undefined);
  for (let up = 0; up < 5; up++) guard.closed(401_000);
  watch(guard, 402_000, 525_000);
  assert.equal(guard.state, RELEASING, "the four old ones are down still");
  for (let down = 0; down < 5; down++) guard.opened(526_000);
  guard.look(526_000, undefined);
  assert.equal(guard.state, SUSPECT);
});

test("a cause of our own makes it suspect with nobody down, and holds it as long as it lasts", () => {
  const guard = guardOf(20);
  for (let nowMs = 0; nowMs < 600_000; nowMs += 1000) guard.look(nowMs, "canaries");
  assert.equal(guard.state, SUSPECT);
  assert.equal(guard.cause, "canaries");
  watch(guard, 600_000, 721_000);
  assert.equal(guard.state, RELEASING);
});
