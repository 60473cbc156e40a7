// JSON from elsewhere, entry by entry.

/** An object's entries; none where it is something else. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
