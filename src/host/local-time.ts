// Times as people at this machine read them.

/** A moment by the machine's own clock, to the second, with its distance from UTC: `2026-01-02 03:04:05 +01:00`. */
export function localTime(at: number): string {
  const date = new Date(at);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const east = -date.getTimezoneOffset();
  const distance = `${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`;
  return `${day} ${time} ${east < 0 ? '-' : '+'}${distance}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
