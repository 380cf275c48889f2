import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { EVENT } from "../../src/model/event.ts";
import { STATE } from "../../src/model/state.ts";
import { transition } from "../../src/model/transition.ts";
import { failureOfCode } from "../../src/net/failure.ts";

/** Code → whose fault it is. Only evidence from the other side may count. */
const WHOSE: Readonly<Record<string, readonly ["fail" | "local", string]>> = {
  ECONNREFUSED: ["fail", "refused"],
  ECONNRESET: ["fail", "reset"],
  ECONNABORTED: ["fail", "reset"],
  EPIPE: ["fail", "reset"],
  EHOSTUNREACH: ["fail", "unreachable"],
  EHOSTDOWN: ["fail", "unreachable"],
  ENOTFOUND: ["fail", "name_not_found"],
  ENODATA: ["fail", "name_not_found"],
  EMFILE: ["local", "local_descriptors"],
  ENFILE: ["local", "local_descriptors"],
  ENOBUFS: ["local", "local_buffers"],
  ENOMEM: ["local", "local_buffers"],
  EADDRNOTAVAIL: ["local", "local_buffers"],
  EADDRINUSE: ["local", "local_buffers"],
  EAGAIN: ["local", "local_buffers"],
  ENETUNREACH: ["local", "local_route"],
  ENETDOWN: ["local", "local_route"],
  EINVAL: ["local", "local_route"],
  EAFNOSUPPORT: ["local", "local_route"],
  EPERM: ["local", "local_permission"],
  EACCES: ["local", "local_permission"],
  EAI_AGAIN: ["local", "local_resolver"],
  EAI_FAIL: ["local", "local_resolver"],
  EAI_MEMORY: ["local", "local_resolver"],
  EAI_SYSTEM: ["local", "local_resolver"],
  ESERVFAIL: ["local", "local_resolver"],
  EREFUSED: ["local", "local_resolver"],
  ETIMEOUT: ["local", "local_resolver"],
};

for (const [code, [outcome, reason]] of Object.entries(WHOSE)) {
  test(`${code} is ${outcome === "fail" ? "the target's" : "ours"}: ${reason}`, () => {
    const failure = failureOfCode(code);
    assert.deepEqual([failure.outcome, failure.reason], [outcome, reason]);
  });
}

test("every other errno of this system is ours until someone shows that it is not", () => {
  for (const code of Object.keys(constants.errno)) {
    if (WHOSE[code] === undefined) assert.equal(failureOfCode(code).outcome, "local", code);
  }
});

test("a local outcome never counts towards T, in any state, however often it comes", () => {
  const policy = {
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    verificationChecks: 1,
    hasRemedy: true,
    maxAttempts: 1,
  };
  for (
    const state of [STATE.pending, STATE.up, STATE.degraded, STATE.down, STATE.repairing, STATE.verifying]
  ) {
    const monitor = { state, failures: 0, successes: 0, verifyLeft: 0, attempts: 0, flags: 0 };
    const before = { ...monitor };
    for (let times = 0; times < 1000; times++) {
      assert.equal(transition(monitor, EVENT.checkLocal, policy, monitor), 0);
    }
    assert.deepEqual(monitor, before);
  }
});
