/** Settings of how alerts reach people. Times are ms. */
export interface DigestSettings {
  readonly enabled: boolean;
  /** So many troubles on one channel within `windowMs` are a storm. */
  readonly min: number;
  /** What counts as together, and how long a storm is collected before its first message. */
  readonly windowMs: number;
  /** What every first alert of a trouble waits, to see whether it is alone; up to 1 s when some others came meanwhile. */
  readonly holdMs: number;
}

export interface FlapSettings {
  readonly enabled: boolean;
  /** Incidents of one monitor within `windowMs` that make it flap. */
  readonly incidents: number;
  readonly windowMs: number;
}

export interface DeliverySettings {
  readonly digest: DigestSettings;
  readonly flapping: FlapSettings;
}

export const DIGEST_DEFAULTS: DigestSettings = { enabled: true, min: 10, windowMs: 5000, holdMs: 300 };

export const FLAP_DEFAULTS: FlapSettings = { enabled: true, incidents: 5, windowMs: 1_800_000 };
