/**
 * Splits a command line into words as a POSIX shell would (XCU §2.2, quoting), and nothing else of a shell: no variables, no
 * globs, no pipes. Characters that ask for a shell are refused rather than passed on as text, since whoever wrote them
 * meant something else.
 */

/** The words, or what is wrong with the line, for people. */
export function splitCommand(line: string): readonly string[] | string {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string;
    if (character === "'" || character === '"') {
      const quoted = character === "'" ? readSingle(line, at) : readDouble(line, at);
      if (quoted === undefined) return `a quote is never closed: ${character}`;
      word = (word ?? "") + quoted.text;
      at = quoted.lastAt;
    } else if (character === "\\") {
      at++;
      if (at >= line.length) return "a backslash at the end quotes nothing";
      word = (word ?? "") + (line[at] as string);
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (SHELL_ONLY.test(line.slice(at, at + 2))) {
      return `${JSON.stringify(character)} needs a shell: quote it, or set "shell: true"`;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

interface Quoted {
  readonly text: string;
  /** Of the closing quote. */
  readonly lastAt: number;
}

function readSingle(line: string, openAt: number): Quoted | undefined {
  const lastAt = line.indexOf("'", openAt + 1);
  return lastAt < 0 ? undefined : { text: line.slice(openAt + 1, lastAt), lastAt };
}

function readDouble(line: string, openAt: number): Quoted | undefined {
  let text = "";
  for (let at = openAt + 1; at < line.length; at++) {
    const character = line[at] as string;
    if (character === '"') return { text, lastAt: at };
    const next = line[at + 1];
    if (character === "\\" && next !== undefined && '\\"$`'.includes(next)) {
      text += next;
      at++;
    } else text += character;
  }
  return undefined;
}

const SHELL_ONLY = /^(?:[|&;<>`]|\$[({A-Za-z_])/;
