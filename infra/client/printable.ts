// What others wrote, as it may be shown on a terminal.

/** Controls, which a terminal obeys, and what turns the direction of writing or cannot be seen. */
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A text in one line, with a `?` for each character that would do more than be seen. */
export function printable(text: string): string {
  return text.replaceAll(controls, '?');
}

/** The same at most so long, as it stands in a message. */
export function shown(text: string, charactersMax = 500): string {
  const clean = printable(text);
  return clean.length <= charactersMax ? clean : `${clean.slice(0, charactersMax)}…`;
}

/** JSON for programs, which is safe to be seen too: the controls that JSON allows as they are, are escaped. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).split('\n').map(escaped).join('\n');
}

/** The same in one line. */
export function printableJsonLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}

function escaped(line: string): string {
  return line.replaceAll(
    controls,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
