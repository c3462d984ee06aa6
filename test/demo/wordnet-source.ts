import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** One synset of WordNet: a set of words with one meaning. */
export interface Synset {
  /** Part of speech and place in its file, such as "n00001740". */
  readonly id: string;
  readonly partOfSpeech: "n" | "v" | "a" | "s" | "r";
  /** Number of the lexicographer's file, 0 to 44. */
  readonly lexicographerFile: number;
  readonly words: readonly string[];
  readonly pointers: readonly Pointer[];
  readonly gloss: string;
}

/** A relation to another synset. */
export interface Pointer {
  /** "@" hypernym, "~" hyponym, "!" antonym and so on; see wninput(5WN). */
  readonly symbol: string;
  readonly target: string;
}

/** One line of an index: a word and the synsets it is in. */
export interface IndexedWord {
  readonly word: string;
  readonly synsetIds: readonly string[];
}

const files = [
  { name: "noun", letter: "n" },
  { name: "verb", letter: "v" },
  { name: "adj", letter: "a" },
  { name: "adv", letter: "r" },
] as const;

/**
 * Parses a line of a data file, as wndb(5WN) lays it out; undefined for the lines of the licence, which begin with blanks:
 *
 *   offset lex_filenum ss_type w_cnt(hex) word lex_id(hex) ... p_cnt pointer ... [frames] | gloss
 */
export function parseSynset(line: string, letter: string): Synset | undefined {
  if (line.startsWith("  ")) return undefined;
  const bar = line.indexOf("|");
  const fields = line.slice(0, bar).trim().split(" ");
  const wordCount = Number.parseInt(fields[3] ?? "", 16);
  const pointersAt = 4 + 2 * wordCount;
  const pointerCount = Number.parseInt(fields[pointersAt] ?? "", 10);
  return {
    id: `${letter}${fields[0] ?? ""}`,
    partOfSpeech: fields[2] as Synset["partOfSpeech"],
    lexicographerFile: Number(fields[1]),
    words: Array.from({ length: wordCount }, (_, i) => spaced(fields[4 + 2 * i] ?? "")),
    pointers: Array.from({ length: pointerCount }, (_, i) => pointerAt(fields, pointersAt + 1 + 4 * i)),
    gloss: line.slice(bar + 1).trim(),
  };
}

/** Parses a line of an index file: lemma pos synset_cnt p_cnt symbol... sense_cnt tagsense_cnt offset... */
export function parseIndexedWord(line: string, letter: string): IndexedWord | undefined {
  if (line.startsWith("  ")) return undefined;
  const fields = line.trim().split(" ");
  const synsetCount = Number(fields[2]);
  return { word: spaced(fields[0] ?? ""), synsetIds: fields.slice(-synsetCount).map((offset) => `${letter}${offset}`) };
}

/** All synsets of the four data files. */
export async function* synsets(dictFolder: string): AsyncIterable<Synset> {
  for (const { name, letter } of files) {
    for await (const line of lines(join(dictFolder, `data.${name}`))) {
      const synset = parseSynset(line, letter);
      if (synset !== undefined) yield synset;
    }
  }
}

/** Every word of the four index files once, with its synsets of all parts of speech. */
export async function indexedWords(dictFolder: string): Promise<Map<string, string[]>> {
  const words = new Map<string, string[]>();
  for (const { name, letter } of files) {
    for await (const line of lines(join(dictFolder, `index.${name}`))) {
      const indexed = parseIndexedWord(line, letter);
      if (indexed !== undefined) words.set(indexed.word, [...(words.get(indexed.word) ?? []), ...indexed.synsetIds]);
    }
  }
  return words;
}

function pointerAt(fields: readonly string[], at: number): Pointer {
  const letter = fields[at + 2] === "s" ? "a" : (fields[at + 2] ?? "");
  return { symbol: fields[at] ?? "", target: `${letter}${fields[at + 1] ?? ""}` };
}

/** Files write a blank inside a word as "_". */
function spaced(word: string): string {
  return word.replaceAll("_", " ");
}

function lines(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path, "latin1"), crlfDelay: Infinity });
}
