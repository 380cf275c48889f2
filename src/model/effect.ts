/**
 * What a transition asks the engine to do, as the bits of a mask. A mask is acted on from its lowest bit up: that order
 * is the one people have to read (maintenance is over, the old incident closes, the new one opens), and it lets green be
 * composed while its incident still is open, and red when it already is.
 */
export const EFFECT = {
  alertGray: 1 << 0,
  /** The repair that waits for its back-off is off. */
  cancelBackoff: 1 << 1,
  alertGreen: 1 << 2,
  closeIncident: 1 << 3,
  openIncident: 1 << 4,
  alertRed: 1 << 5,
  alertYellow: 1 << 6,
  alertCyan: 1 << 7,
  /** A failed check of a monitor that was failing before, without an alert of its own: codes with dispatch `always` send on it. */
  failedAgain: 1 << 8,
  startRemedy: 1 << 9,
  /** Raise backoffElapsed when the wait before attempt number `attempts` + 1 is over. */
  startBackoff: 1 << 10,
} as const;
