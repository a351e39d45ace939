// A change of one member in a JSON text that leaves every other byte as it is: order, spaces, numbers as they were
// written, and what another program keeps there.

interface Member {
  readonly key: string;
  readonly start: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

interface Layout {
  /** What comes before a member. */
  readonly before: string;
  /** What comes before the closing brace. */
  readonly after: string;
  /** What stands between a key and its value, with the colon. */
  readonly colon: string;
}

/**
 * Sets `outer.inner` to a text. An `outer` that is missing, or `null`, is made.
 * @param text a JSON object
 * @param unit what one level is indented by where the text does not tell
 * @throws TypeError when `outer` is there and no object. The text is trusted to be JSON
 */
export function setMember(
  text: string,
  outer: string,
  inner: string,
  value: string,
  unit: string,
): string {
  const open = text.indexOf('{');
  const top = membersOf(text, open);
  const layout = layoutOf(text, open, top, '', unit);
  const within = nested(layout, unit);
  // Where a key is there twice, the last counts.
  const found = top.findLast(({ key }) => key === outer);
  const member = (at: Layout, key: string, written: string) =>
    `${at.before}${JSON.stringify(key)}${at.colon}${written}`;
  const fresh = `{${member(within, inner, JSON.stringify(value))}${within.after}}`;
  if (found === undefined) {
    return insert(text, open, top, layout, member(layout, outer, fresh));
  }
  const { valueStart, valueEnd } = found;
  if (text.slice(valueStart, valueEnd) === 'null') return splice(text, valueStart, valueEnd, fresh);
  if (text[valueStart] !== '{') throw new TypeError(`${outer} is no object`);
  const members = membersOf(text, valueStart);
  const there = members.findLast(({ key }) => key === inner);
  if (there !== undefined) {
    return splice(text, there.valueStart, there.valueEnd, JSON.stringify(value));
  }
  if (members.length === 0) return splice(text, valueStart, valueEnd, fresh);
  const inside = layoutOf(text, valueStart, members, layout.before, unit);
  return insert(text, valueStart, members, inside, member(inside, inner, JSON.stringify(value)));
}

function splice(text: string, start: number, end: number, instead: string): string {
  return text.slice(0, start) + instead + text.slice(end);
}

/** Puts a member after the last, or into what is empty. */
function insert(
  text: string,
  open: number,
  members: readonly Member[],
  { after }: Layout,
  member: string,
): string {
  const last = members.at(-1);
  if (last !== undefined) return splice(text, last.valueEnd, last.valueEnd, `,${member}`);
  return splice(text, open, text.indexOf('}', open) + 1, `{${member}${after}}`);
}

/** How the members of an object are laid out, as its first one is. */
function layoutOf(
  text: string,
  open: number,
  members: readonly Member[],
  outside: string,
  unit: string,
): Layout {
  const [first] = members;
  if (first === undefined) {
    return { before: `${outside || '\n'}${unit}`, after: outside || '\n', colon: ': ' };
  }
  const gap = text.slice(open + 1, first.start);
  const colon = text.slice(first.keyEnd, first.valueStart);
  const [line] = /\r?\n[^\n]*$/.exec(gap) ?? [];
  return line === undefined
    ? { before: gap, after: gap, colon }
    : { before: line, after: outside, colon };
}

/** The layout one level deeper than the top. */
function nested({ before, colon }: Layout, unit: string): Layout {
  const [, newline, indent = ''] = /^(\r?\n)(.*)$/.exec(before) ?? [];
  if (newline === undefined) return { before, after: before, colon };
  return { before: `${newline}${indent}${indent || unit}`, after: before, colon };
}

/** The members of the object that begins at `open`. */
function membersOf(text: string, open: number): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, open + 1);
  while (at < text.length && text[at] !== '}') {
    const start = at;
    const keyEnd = endOfValue(text, start);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    const key = String(JSON.parse(text.slice(start, keyEnd)));
    members.push({ key, start, keyEnd, valueStart, valueEnd });
    at = skipSpace(text, valueEnd);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text[at] ?? '')) at += 1;
  return at;
}

/** Where the value that begins at `from` ends. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === '"') {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if ('{['.includes(character)) depth += 1;
    if ('}]'.includes(character)) {
      // The brace of what this value, a number or a word, stands in.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    if (depth === 0 && ', \t\r\n'.includes(character)) return at;
    at += 1;
  }
  return at;
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
